"""Rows: a record as the columns of a SQLite table."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from sojourn.core.record import Record

__all__ = ["COLUMNS", "FIELDS", "record", "row", "unreadable"]

FIELDS = Record.__struct_fields__
COLUMNS = ", ".join(FIELDS)


def row(record: Record) -> tuple[Any, ...]:
    """The columns of `record`."""
    return tuple([getattr(record, name) for name in FIELDS])


def record(columns: tuple[Any, ...]) -> Record:
    """The record that these columns are. Raises `sqlite3.OperationalError` when they are none."""
    try:
        return msgspec.convert(dict(zip(FIELDS, columns, strict=True)), Record)
    except msgspec.ValidationError:  # no code of SQLite's: as for a text that cannot be decoded
        raise sqlite3.OperationalError("a column is not of its type") from None


def unreadable(error: sqlite3.Error) -> bool:
    """Whether it was a row that could not be read, rather than the file."""
    return isinstance(error, sqlite3.OperationalError) and not getattr(error, "sqlite_errorcode", None)
