"""The statements of a SQLite store: each function is one operation, within the transaction of its caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone
from sojourn.store.base import SWEEP_DELAY, Change, Query

__all__ = [
    "changes",
    "claim",
    "create",
    "delete",
    "find",
    "forget",
    "last_change",
    "load",
    "move",
    "moved",
    "replace",
    "touch",
]

KEPT_CHANGES = 10_000  # what a watcher may lag behind before it sees a gap

_FIELDS = Record.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_LOAD = f"select {_COLUMNS} from session where key = ? and app = ?"  # noqa: S608 - names of columns
_INSERT = f"insert into session ({_COLUMNS}) values ({', '.join('?' * len(_FIELDS))})"  # noqa: S608
_REPLACE = (
    f"update session set {', '.join(f'{name} = ?' for name in _FIELDS)} "  # noqa: S608
    "where key = ? and app = ? and ref = ? and version = ? and claimed_until is null"
)
_NOTE = "insert into change (key, app, version, node, ended) values (?, ?, ?, ?, ?)"
_TOUCH = """
update session set accessed_at = max(accessed_at, ?), expires_at = min(max(expires_at, ?), absolute_at)
where key = ? and app = ? and ref = ? and claimed_until is null
"""


def load(connection: sqlite3.Connection, key: str, app: str, now: float) -> Record | None:
    """The live record at `key`, or where an open stub leads."""
    row = connection.execute(_LOAD, (key, app)).fetchone()
    if row is None:
        stub = connection.execute(
            "select target from stub where key = ? and app = ? and leads and (until is null or until > ?)",
            (key, app, now),
        ).fetchone()
        if stub is None:
            return None
        row = connection.execute(_LOAD, (stub[0], app)).fetchone()
    record = None if row is None else _record(row)
    return record if record is not None and record.expires_at > now else None


def create(connection: sqlite3.Connection, record: Record, now: float) -> None:
    """Store what is new. Raises `Conflict`."""
    in_the_way = connection.execute(
        f"select {_COLUMNS}, claimed_until from session where app = ? and (key = ? or ref = ?) "  # noqa: S608
        "order by key = ? desc",
        (record.app, record.key, record.ref, record.key),
    ).fetchall()
    expired = [_record(row[:-1]) for row in in_the_way]
    for stored, row in zip(expired, in_the_way, strict=True):
        if row[-1] is not None:
            raise Conflict
        if stored.expires_at > now:
            raise Conflict(stored)
    stub = _target(connection, record)
    if stub is not None and all(stub != stored.key for stored in expired):
        raise Conflict
    for stored in expired:  # what has expired is absent, so it is in nobody's way
        _remove(connection, stored)
    connection.execute(_INSERT, _row(record))
    _note(connection, record)


def replace(connection: sqlite3.Connection, record: Record, over: Record) -> None:
    """Put `record` in the place of `over`, at the same key. Raises `Conflict` or `Gone`."""
    try:
        found = connection.execute(_REPLACE, (*_row(record), over.key, over.app, over.ref, over.version)).rowcount
    except sqlite3.IntegrityError:  # the ref is another's
        raise Conflict from None
    if not found:
        _refuse(connection, over)
    _used(connection, record)
    _note(connection, record)


def move(connection: sqlite3.Connection, record: Record, over: Record, now: float) -> None:
    """Put `record` at its new key, and leave a stub at the old one. Raises `Conflict` or `Gone`."""
    stored = _unclaimed(connection, over.key, over.app)
    if stored is None or stored.key != over.key or stored.ref != over.ref or stored.version != over.version:
        _refuse(connection, over)
    leads = record.epoch == over.epoch
    until = None if leads else now + GRACE
    taken = connection.execute(
        "select 1 from session where app = ? and (key = ? or ref = ?) and key <> ?",
        (record.app, record.key, record.ref, over.key),
    ).fetchone()
    if taken or _target(connection, record) is not None:
        raise Conflict
    connection.execute("delete from session where key = ? and app = ?", (over.key, over.app))
    connection.execute(_INSERT, _row(record))
    connection.execute(
        # A stub that led until now was left at this sign-in, as the key before the last.
        "update stub set target = ?, leads = leads and ?, until = case when leads and not ? then ? else until end "
        "where target = ? and app = ?",
        (record.key, leads, leads, until, over.key, over.app),
    )
    connection.execute(
        "insert into stub (key, app, target, leads, until) values (?, ?, ?, ?, ?)",
        (over.key, over.app, record.key, leads, until),
    )
    _note(connection, record, left=over.key)
    _note(connection, record)


def touch(connection: sqlite3.Connection, record: Record) -> bool:
    """Carry over the times of `record`, only forward."""
    times = (record.accessed_at, record.expires_at)
    found = connection.execute(_TOUCH, (*times, record.key, record.app, record.ref)).rowcount
    if found:
        _used(connection, record)
    return found > 0


def delete(connection: sqlite3.Connection, key: str, app: str) -> bool:
    """Remove the session at `key`, or where its stub leads."""
    stored = _unclaimed(connection, key, app)
    if stored is None:
        return False
    _remove(connection, stored)
    return True


def moved(connection: sqlite3.Connection, key: str, app: str, now: float) -> bool:
    """Whether `key` was left at a sign-in, just now."""
    return (
        connection.execute(
            "select 1 from stub where key = ? and app = ? and not leads and until > ?", (key, app, now)
        ).fetchone()
        is not None
    )


def claim(connection: sqlite3.Connection, now: float, limit: int, lease: float) -> list[Record]:
    """Claim records that expired a while ago. Forgets stubs whose time is over, too."""
    # A stub that is not followed any more still tells a slow save where its session went.
    connection.execute("delete from stub where until <= ?", (now - GRACE,))
    rows = connection.execute(
        f"update session set claimed_until = ? where rowid in (select rowid from session where expires_at <= ? "  # noqa: S608
        f"and (claimed_until is null or claimed_until <= ?) order by expires_at limit ?) returning {_COLUMNS}",
        (now + lease, now - SWEEP_DELAY, now, limit),
    ).fetchall()
    return [_record(row) for row in rows]


def forget(connection: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Remove claimed records."""
    for app in {record.app for record in records}:
        keys = [record.key for record in records if record.app == app]
        among = f"({', '.join('?' * len(keys))})"
        gone = connection.execute(
            f"delete from session where app = ? and key in {among} and claimed_until is not null "  # noqa: S608
            "returning key, app, version, node, 1",
            (app, *keys),
        ).fetchall()
        connection.executemany("delete from stub where target = ? and app = ?", [row[:2] for row in gone])
        connection.executemany(_NOTE, gone)
        _prune(connection, last_change(connection), len(gone))


def find(connection: sqlite3.Connection, query: Query, limit: int, after: str, now: float) -> list[Record]:
    """The live records that fit, in the order of their refs."""
    wanted: list[tuple[str, Any]] = [("ref > ?", after), ("expires_at > ?", now)]
    wanted += [
        (f"{name} = ?", getattr(query, name))
        for name in ("app", "ref", "principal", "node")
        if getattr(query, name) is not None
    ]
    if query.accessed_before is not None:
        wanted.append(("accessed_at < ?", query.accessed_before))
    found = _find(connection, wanted, limit)
    if found and len(found) == limit:  # a page ends between two refs
        found += _find(connection, [*wanted, ("ref = ?", found[-1].ref), ("app > ?", found[-1].app)], -1)
    return found


def _find(connection: sqlite3.Connection, wanted: list[tuple[str, Any]], limit: int) -> list[Record]:
    rows = connection.execute(
        f"select {_COLUMNS} from session where {' and '.join(term for term, _ in wanted)} order by ref, app limit ?",  # noqa: S608
        (*(value for _, value in wanted), limit),
    )
    return [_record(row) for row in rows]


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


def _row(record: Record) -> tuple[Any, ...]:
    return tuple([getattr(record, name) for name in _FIELDS])


def _record(row: tuple[Any, ...]) -> Record:
    try:
        return msgspec.convert(dict(zip(_FIELDS, row, strict=True)), Record)
    except msgspec.ValidationError:  # no code of SQLite's: as for a text that cannot be decoded
        raise sqlite3.OperationalError("a column is not of its type") from None


def _target(connection: sqlite3.Connection, record: Record) -> str | None:
    """Where the stub leads that is in the place of `record`."""
    row = connection.execute("select target from stub where key = ? and app = ?", (record.key, record.app)).fetchone()
    return None if row is None else row[0]


def _unclaimed(connection: sqlite3.Connection, key: str, app: str) -> Record | None:
    """The record at `key` or where its stub leads, expired or not, unless it is claimed."""
    row = connection.execute(
        f"select {_COLUMNS} from session where app = ? and claimed_until is null "  # noqa: S608
        "and key = coalesce((select target from stub where key = ? and app = ? and leads), ?)",
        (app, key, app, key),
    ).fetchone()
    return None if row is None else _record(row)


def _refuse(connection: sqlite3.Connection, over: Record) -> None:
    """Say why `over` cannot be replaced."""
    stored = _unclaimed(connection, over.key, over.app)
    if stored is None or stored.ref != over.ref:
        raise Gone
    raise Conflict(stored)


def _used(connection: sqlite3.Connection, record: Record) -> None:
    """Once the new key is in use, the old ones are followed for the grace time alone."""
    if record.accessed_at > record.renewed_at > record.created_at:
        connection.execute(
            "update stub set until = ? where target = ? and app = ? and until is null",
            (record.accessed_at + GRACE, record.key, record.app),
        )


def _remove(connection: sqlite3.Connection, record: Record) -> None:
    place = (record.key, record.app)
    connection.execute("delete from session where key = ? and app = ?", place)
    connection.execute("delete from stub where target = ? and app = ?", place)
    _note(connection, record, left=record.key)


def _note(connection: sqlite3.Connection, record: Record, *, left: str | None = None) -> None:
    """Tell those who watch that `record` was saved, or has left a key."""
    row = (left or record.key, record.app, record.version, record.node, left is not None)
    _prune(connection, connection.execute(_NOTE, row).lastrowid or 0, 1)


def _prune(connection: sqlite3.Connection, newest: int, added: int) -> None:
    """Forget old changes, once in a thousand."""
    if newest // 1000 != (newest - added) // 1000:
        connection.execute("delete from change where number <= ?", (newest - KEPT_CHANGES,))
