"""Leases: who has the sole right to a session of a SQLite store."""

from __future__ import annotations

import sqlite3

from sojourn.core.record import Record

__all__ = ["forget_leases", "hold", "release"]


def hold(connection: sqlite3.Connection, record: Record, holder: str, now: float, until: float) -> bool:
    """Give or prolong the right, unless another has it."""
    return (
        connection.execute(
            "insert into lease (ref, app, holder, until) values (?, ?, ?, ?) on conflict (ref, app) do update "
            "set holder = excluded.holder, until = excluded.until where holder = excluded.holder or until <= ?",
            (record.ref, record.app, holder, until, now),
        ).rowcount
        > 0
    )


def release(connection: sqlite3.Connection, record: Record, holder: str) -> None:
    """Give the right back."""
    connection.execute("delete from lease where ref = ? and app = ? and holder = ?", (record.ref, record.app, holder))


def forget_leases(connection: sqlite3.Connection, now: float) -> None:
    """Remove what has run out."""
    connection.execute("delete from lease where until <= ?", (now,))
