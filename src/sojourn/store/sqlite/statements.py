"""The statements of a SQLite store: each function is one operation, within the transaction of its caller."""

from __future__ import annotations

import sqlite3
from typing import Any

from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone
from sojourn.store.base import Query
from sojourn.store.sqlite import rows
from sojourn.store.sqlite.changes import note

__all__ = ["check", "delete", "find", "load", "moved", "remove", "save", "target", "touch", "unclaimed"]

_LOAD = f"select {rows.COLUMNS} from session where key = ? and app = ? and claimed_until is null"  # noqa: S608 - names of columns
_INSERT = f"insert into session ({rows.COLUMNS}) values ({', '.join('?' * len(rows.FIELDS))})"  # noqa: S608
_REPLACE = (
    f"update session set {', '.join(f'{name} = ?' for name in rows.FIELDS)} "  # noqa: S608
    "where key = ? and app = ? and ref = ? and version = ? and claimed_until is null"
)
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
    record = None if row is None else rows.record(row)
    return record if record is not None and record.expires_at > now else None


def save(connection: sqlite3.Connection, record: Record, over: Record | None, now: float) -> None:
    """Put `record` in the place of `over`. Raises `Conflict` or `Gone`."""
    if over is None:
        _create(connection, record, now)
    elif over.key == record.key:
        _replace(connection, record, over)
    else:
        _move(connection, record, over, now)


def check(connection: sqlite3.Connection, record: Record, over: Record | None, now: float) -> None:
    """Raise what `save` would raise."""
    if over is None:
        _in_the_way(connection, record, now)
    else:
        _make_sure(connection, record, over)


def _create(connection: sqlite3.Connection, record: Record, now: float) -> None:
    for stored in _in_the_way(connection, record, now):
        remove(connection, stored)
    connection.execute(_INSERT, rows.row(record))
    note(connection, record)


def _in_the_way(connection: sqlite3.Connection, record: Record, now: float) -> list[Record]:
    """What has expired where `record` is to be created: it is absent, so it may be removed. Raises `Conflict`."""
    found = connection.execute(
        f"select {rows.COLUMNS}, claimed_until from session where app = ? and (key = ? or ref = ?) "  # noqa: S608
        "order by key = ? desc",
        (record.app, record.key, record.ref, record.key),
    ).fetchall()
    expired = [rows.record(row[:-1]) for row in found]
    for stored, row in zip(expired, found, strict=True):
        if row[-1] is not None:
            raise Conflict
        if stored.expires_at > now:
            raise Conflict(stored)
    stub = target(connection, record)
    if stub is not None and all(stub != stored.key for stored in expired):
        raise Conflict
    return expired


def _replace(connection: sqlite3.Connection, record: Record, over: Record) -> None:
    try:
        found = connection.execute(_REPLACE, (*rows.row(record), over.key, over.app, over.ref, over.version)).rowcount
    except sqlite3.IntegrityError:  # the ref is another's
        raise Conflict from None
    if not found:
        _refuse(connection, over)
    _used(connection, record)
    note(connection, record)


def _move(connection: sqlite3.Connection, record: Record, over: Record, now: float) -> None:
    """Put `record` at its new key, and leave a stub at the old one."""
    _make_sure(connection, record, over)
    leads = record.epoch == over.epoch
    until = None if leads else now + GRACE
    connection.execute("delete from session where key = ? and app = ?", (over.key, over.app))
    connection.execute(_INSERT, rows.row(record))
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
    note(connection, record, left=over.key)
    note(connection, record)


def _make_sure(connection: sqlite3.Connection, record: Record, over: Record) -> None:
    """Raise `Conflict` or `Gone`, unless `over` is what is stored and its new place is free."""
    stored = unclaimed(connection, over.key, over.app)
    if stored is None or stored.key != over.key or stored.ref != over.ref or stored.version != over.version:
        _refuse(connection, over)
    taken = connection.execute(
        "select 1 from session where app = ? and (key = ? or ref = ?) and key <> ?",
        (record.app, record.key, record.ref, over.key),
    ).fetchone()
    if taken or target(connection, record) is not None:
        raise Conflict


def touch(connection: sqlite3.Connection, record: Record) -> bool:
    """Carry over the times of `record`, only forward."""
    times = (record.accessed_at, record.expires_at)
    found = connection.execute(_TOUCH, (*times, record.key, record.app, record.ref)).rowcount
    if found:
        _used(connection, record)
    return found > 0


def delete(connection: sqlite3.Connection, key: str, app: str) -> bool:
    """Remove the session at `key`, or where its stub leads."""
    stored = unclaimed(connection, key, app)
    if stored is None:
        return False
    remove(connection, stored)
    return True


def moved(connection: sqlite3.Connection, key: str, app: str, now: float) -> bool:
    """Whether `key` was left at a sign-in, just now."""
    return (
        connection.execute(
            "select 1 from stub where key = ? and app = ? and not leads and until > ?", (key, app, now)
        ).fetchone()
        is not None
    )


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
    terms = " and ".join(["claimed_until is null", *(term for term, _ in wanted)])
    found = connection.execute(
        f"select {rows.COLUMNS} from session where {terms} order by ref, app limit ?",  # noqa: S608
        (*(value for _, value in wanted), limit),
    )
    return [rows.record(row) for row in found]


def target(connection: sqlite3.Connection, record: Record) -> str | None:
    """Where the stub leads that is in the place of `record`."""
    row = connection.execute("select target from stub where key = ? and app = ?", (record.key, record.app)).fetchone()
    return None if row is None else row[0]


def unclaimed(connection: sqlite3.Connection, key: str, app: str) -> Record | None:
    """The record at `key` or where its stub leads, expired or not, unless it is claimed."""
    row = connection.execute(
        f"select {rows.COLUMNS} from session where app = ? and claimed_until is null "  # noqa: S608
        "and key = coalesce((select target from stub where key = ? and app = ? and leads), ?)",
        (app, key, app, key),
    ).fetchone()
    return None if row is None else rows.record(row)


def _refuse(connection: sqlite3.Connection, over: Record) -> None:
    """Say why `over` cannot be replaced."""
    stored = unclaimed(connection, over.key, over.app)
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


def remove(connection: sqlite3.Connection, record: Record) -> None:
    """Remove a record with its stubs, and tell it."""
    place = (record.key, record.app)
    connection.execute("delete from session where key = ? and app = ?", place)
    connection.execute("delete from stub where target = ? and app = ?", place)
    note(connection, record, left=record.key)
