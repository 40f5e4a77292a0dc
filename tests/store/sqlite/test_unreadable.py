"""Rows that cannot be read: set aside for good, told once, and in nobody's way."""

from __future__ import annotations

import logging
import sqlite3

import pytest

from sojourn.core.record import Record
from sojourn.store.base import SWEEP_DELAY, Ending
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

ROTS = {
    "a text that is no text": "principal = cast(x'68756e74657232ff' as text)",
    "a text that is no text in the key": "key = cast(x'68756e74657232ff' as text)",
    "a version that is no number": "version = 'hunter2'",
    "data that is no bytes": "data = 7",
    "a time that is none": "accessed_at = x'00'",
}


async def kept(store: SqliteStore, clock: FakeClock, number: int = 3) -> list[Record]:
    """Sessions of Alice's, one a second."""
    made = []
    for _ in range(number):
        made.append(records.new(clock, principal="alice"))
        await store.save(made[-1], over=None)
        clock.advance(seconds=1)
    return made


@pytest.mark.parametrize("rot", ROTS.values(), ids=ROTS)
async def test_a_row_that_cannot_be_read_does_not_stop_a_sweep(
    store: SqliteStore, other: sqlite3.Connection, clock: FakeClock, caplog: pytest.LogCaptureFixture, rot: str
) -> None:
    first, rotten, last = await kept(store, clock)
    other.execute(f"update session set {rot} where ref = ?", (rotten.ref,))  # noqa: S608 - one of the list above
    clock.now = last.expires_at + SWEEP_DELAY
    claimed = await store.claim(limit=10, lease=30)
    assert claimed == [Ending(record=record, reason="idle") for record in (first, last)]
    await store.forget([ending.record for ending in claimed])
    for _ in range(3):
        clock.advance(days=365)
        assert await store.claim(limit=10, lease=30) == []
    assert other.execute("select count(*) from session").fetchone() == (1,)
    [told] = caplog.records
    assert told.levelno == logging.WARNING
    assert not any(secret in told.getMessage() for secret in ("hunter2", "alice", rotten.key, rotten.ref))


@pytest.mark.parametrize("rot", ["a text that is no text in the key", "a version that is no number"])
async def test_a_row_whose_end_cannot_be_told_does_not_stop_a_sweep_that_nobody_hears(
    store: SqliteStore, other: sqlite3.Connection, clock: FakeClock, rot: str
) -> None:
    first, rotten, last = await kept(store, clock)
    other.execute(f"update session set {ROTS[rot]} where ref = ?", (rotten.ref,))  # noqa: S608 - one of the list above
    clock.now = last.expires_at + SWEEP_DELAY
    assert [await store.discard(limit=10) for _ in range(2)] == [2, 0]
    assert other.execute("select ref from session").fetchall() == [(rotten.ref,)]
    assert await store.load(first.key, first.app) is None


async def test_a_reason_that_there_is_not_does_not_stop_a_sweep(
    store: SqliteStore, other: sqlite3.Connection, clock: FakeClock
) -> None:
    first, rotten, _ = await kept(store, clock)
    for record in (first, rotten):
        await store.end(record.key, record.app, reason="revoked", lease=30)
    other.execute("update session set reason = 'bored' where ref = ?", (rotten.ref,))
    clock.advance(seconds=30)
    assert await store.claim(limit=10, lease=30) == [Ending(record=first, reason="revoked")]


async def test_a_row_that_cannot_be_read_does_not_stop_a_sign_in(
    store: SqliteStore, other: sqlite3.Connection, clock: FakeClock
) -> None:
    rotten, second, third = await kept(store, clock)
    other.execute("update session set data = 7 where ref = ?", (rotten.ref,))
    record = records.new(clock, principal="alice")
    evicted = await store.admit(record, over=None, limit=2, when_full="end-oldest", lease=30)
    assert evicted == [second]
    assert await store.load(third.key, third.app) == third
    assert await store.load(rotten.key, rotten.app) is None
    assert await store.load(record.key, record.app) == record
