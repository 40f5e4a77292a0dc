"""Endings: sessions that were ended, evicted or have expired are claimed, and forgotten once they were announced."""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

import msgspec

from sojourn.core.events import Reason
from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.errors import LimitReached
from sojourn.store.base import SWEEP_DELAY, Ending, WhenFull
from sojourn.store.sqlite import rows
from sojourn.store.sqlite.changes import note, note_ends
from sojourn.store.sqlite.leases import forget_leases
from sojourn.store.sqlite.statements import check, save, unclaimed

__all__ = ["admit", "claim", "discard", "end", "forget"]

_FIRST = {"end-oldest": "created_at", "end-least-used": "accessed_at"}
_OTHERS = "from session where principal = ? and app = ? and expires_at > ? and claimed_until is null and key is not ?"

_CLAIMED = f"select rowid, {rows.COLUMNS}, reason from session where rowid"  # noqa: S608 - names of columns
_REASONS = frozenset(get_args(Reason))

_log = logging.getLogger(__name__)


def end(connection: sqlite3.Connection, key: str, app: str, reason: Reason, until: float) -> Record | None:
    """Claim the session at `key`, or where its stub leads."""
    stored = unclaimed(connection, key, app)
    if stored is not None:
        connection.execute(
            "update session set claimed_until = ?, reason = ? where key = ? and app = ?",
            (until, reason, stored.key, stored.app),
        )
        note(connection, stored, left=stored.key)
    return stored


def admit(
    connection: sqlite3.Connection,
    record: Record,
    *,
    over: Record | None,
    limit: int,
    when_full: WhenFull,
    now: float,
    until: float,
) -> list[Record]:
    """Save `record` as one of `limit` live sessions of its principal; the ones that were evicted for it.

    Raises `LimitReached`, `Conflict` or `Gone`, before anything is written.
    """
    among = (record.principal, record.app, now, None if over is None else over.key)
    (others,) = connection.execute(f"select count(*) {_OTHERS}", among).fetchone()
    evicted: list[Record] = []
    if others >= limit:
        check(connection, record, over, now)
        if when_full == "refuse":
            raise LimitReached("the principal has as many sessions as one may have; end one of them first")
        first = connection.execute(
            f"select rowid {_OTHERS} order by {_FIRST[when_full]}, ref limit ?", (*among, others + 1 - limit)
        ).fetchall()
        evicted = [ending.record for ending in _claimed(connection, first, until, "evicted")]
        note_ends(connection, [(each.key, each.app, each.version, each.node) for each in evicted])
    save(connection, record, over, now)
    return evicted


def claim(connection: sqlite3.Connection, now: float, limit: int, lease: float) -> list[Ending]:
    """Claim what expired a while ago, and what was claimed before and not forgotten."""
    return _claimed(connection, _ripe(connection, now, limit), now + lease, None)


def discard(connection: sqlite3.Connection, now: float, limit: int) -> int:
    """Remove what `claim` would claim; how many there were. What cannot even be told is set aside."""
    ripe = _ripe(connection, now, limit)
    if not ripe:
        return 0
    among = _among(ripe)
    try:
        gone = connection.execute(f"select key, app, version, node from session where rowid in {among}").fetchall()  # noqa: S608 - numbers of rows
        msgspec.convert(gone, list[tuple[str, str, int, str]])
    except (sqlite3.OperationalError, msgspec.ValidationError) as error:
        if isinstance(error, sqlite3.Error) and not rows.unreadable(error):
            raise
        endings = _claimed(connection, ripe, now, None)
        forget(connection, [ending.record for ending in endings])
        return len(endings)
    connection.execute(f"delete from session where rowid in {among}")  # noqa: S608
    _left(connection, gone)
    return len(gone)


def forget(connection: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Remove claimed records."""
    for app in {record.app for record in records}:
        keys = [record.key for record in records if record.app == app]
        among = f"({', '.join('?' * len(keys))})"
        gone = connection.execute(
            f"delete from session where app = ? and key in {among} and claimed_until is not null "  # noqa: S608
            "returning key, app, version, node",
            (app, *keys),
        ).fetchall()
        _left(connection, gone)


def _ripe(connection: sqlite3.Connection, now: float, limit: int) -> list[tuple[int]]:
    """Which rows are to be claimed. Forgets stubs whose time is over, and leases, too."""
    # A stub that is not followed any more still tells a slow save where its session went.
    connection.execute("delete from stub where until <= ?", (now - GRACE,))
    forget_leases(connection, now)
    ripe: list[tuple[int]] = connection.execute(
        "select rowid from session where claimed_until <= ? order by claimed_until limit ?", (now, limit)
    ).fetchall()
    return (
        ripe
        + connection.execute(
            "select rowid from session where expires_at <= ? and claimed_until is null order by expires_at limit ?",
            (now - SWEEP_DELAY, limit - len(ripe)),
        ).fetchall()
    )


def _left(connection: sqlite3.Connection, gone: Sequence[tuple[str, str, int, str]]) -> None:
    """Remove the stubs of what was removed, and tell it: key, app, version and node of each."""
    connection.executemany("delete from stub where target = ? and app = ?", [row[:2] for row in gone])
    note_ends(connection, gone)


def _among(rowids: Sequence[tuple[int]]) -> str:
    return f"({', '.join(str(rowid) for (rowid,) in rowids)})"


def _claimed(
    connection: sqlite3.Connection, rowids: Sequence[tuple[int]], until: float, reason: Reason | None
) -> list[Ending]:
    """Claim these rows, for `reason` or the one that there is. What cannot be read is set aside: claimed for ever."""
    among = _among(rowids)
    connection.execute(
        "update session set claimed_until = ?, reason = coalesce(?, reason, "  # noqa: S608 - numbers of rows
        f"case when expires_at >= absolute_at then 'absolute' else 'idle' end) where rowid in {among}",
        (until, reason),
    )
    try:
        found = connection.execute(f"{_CLAIMED} in {among}").fetchall()
        endings = {rowid: _ending(columns) for rowid, *columns in found}
    except sqlite3.OperationalError as error:
        if not rows.unreadable(error):
            raise
        endings = dict(_readable(connection, rowids))
    return [endings[rowid] for (rowid,) in rowids if rowid in endings]


def _readable(connection: sqlite3.Connection, rowids: Iterable[tuple[int]]) -> Iterator[tuple[int, Ending]]:
    """What can be read, one by one."""
    for (rowid,) in rowids:
        try:
            _, *columns = connection.execute(f"{_CLAIMED} = ?", (rowid,)).fetchone()
            yield rowid, _ending(columns)
        except sqlite3.OperationalError as error:
            if not rows.unreadable(error):
                raise
            connection.execute("update session set claimed_until = ? where rowid = ?", (math.inf, rowid))
            _log.warning("a stored session cannot be read, so its end is not announced; it was set aside in the file")


def _ending(columns: Sequence[Any]) -> Ending:
    *fields, reason = columns
    if reason not in _REASONS:
        raise sqlite3.OperationalError("a column is not of its type")
    return Ending(record=rows.record(tuple(fields)), reason=reason)
