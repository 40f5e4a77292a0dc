"""Changes: what a SQLite store notes for those who watch it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sojourn.core.record import Record
from sojourn.store.base import Change

__all__ = ["changes", "last_change", "note", "note_ends"]

KEPT_CHANGES = 10_000  # what a watcher may lag behind before it sees a gap

_NOTE = "insert into change (key, app, version, node, ended) values (?, ?, ?, ?, ?)"


def last_change(connection: sqlite3.Connection) -> int:
    """The number of the newest change."""
    row = connection.execute("select seq from sqlite_sequence where name = 'change'").fetchone()
    return row[0] if row is not None else 0


def changes(connection: sqlite3.Connection, *, after: int) -> list[Change]:
    """The changes with numbers above `after`, in order."""
    rows = connection.execute(
        "select number, key, app, version, node, ended from change where number > ? order by number", (after,)
    ).fetchall()
    return [Change(number=n, key=k, app=a, version=v, node=o, ended=bool(e)) for n, k, a, v, o, e in rows]


def note(connection: sqlite3.Connection, record: Record, *, left: str | None = None) -> None:
    """Tell those who watch that `record` was saved, or has left a key."""
    row = (left or record.key, record.app, record.version, record.node, left is not None)
    _prune(connection, connection.execute(_NOTE, row).lastrowid or 0, 1)


def note_ends(connection: sqlite3.Connection, ended: Sequence[tuple[str, str, int, str]]) -> None:
    """Tell those who watch that these are at their keys no longer: key, app, version and node of each."""
    connection.executemany(_NOTE, [(*row, 1) for row in ended])
    _prune(connection, last_change(connection), len(ended))


def _prune(connection: sqlite3.Connection, newest: int, added: int) -> None:
    """Forget old changes, once in a thousand."""
    if newest // 1000 != (newest - added) // 1000:
        connection.execute("delete from change where number <= ?", (newest - KEPT_CHANGES,))
