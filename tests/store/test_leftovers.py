"""Nothing is left of a session that has ended, nor of ways that nobody may follow any more: no store grows for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.store.base import SWEEP_DELAY
from sojourn.store.memory import MemoryStore
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

AnyStore = MemoryStore | SqliteStore
Renew = Callable[..., Record]


@pytest.fixture(params=["memory", "sqlite"])
def any_store(request: pytest.FixtureRequest, clock: FakeClock) -> AnyStore:
    if request.param == "memory":
        return MemoryStore(clock=clock)
    store = request.getfixturevalue("store")
    assert isinstance(store, SqliteStore)
    return store


def left(store: AnyStore, path: Path) -> dict[str, int]:
    """How much a store keeps beside what it told those who watch."""
    if isinstance(store, MemoryStore):
        kept = {
            name: len(value) for name, value in (vars(store) | vars(store._memory)).items() if isinstance(value, dict)
        }
    else:
        connection = sqlite3.connect(path)
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        kept = {
            name: len(connection.execute(f"select * from {name}").fetchall())  # noqa: S608 - names of tables
            for name in tables
            if name not in {"change", "sqlite_sequence"}
        }
        connection.close()
    return {name: number for name, number in kept.items() if number}


async def chain(store: AnyStore, clock: FakeClock, *changes: Renew) -> Record:
    """A session that went from key to key."""
    record = records.new(clock)
    await store.save(record, over=None)
    for change in changes:
        clock.advance(seconds=1)
        moved = change(record, clock)
        await store.save(moved, over=record)
        record = moved
    return record


CHAINS = [
    (),
    (records.renewed, records.renewed),
    (records.signed_in, records.renewed),
    (records.renewed, records.signed_in, records.signed_in),
]


@pytest.mark.parametrize("changes", CHAINS, ids=len)
async def test_nothing_is_left_of_a_session_that_was_deleted(
    any_store: AnyStore, path: Path, clock: FakeClock, changes: tuple[Renew, ...]
) -> None:
    record = await chain(any_store, clock, *changes)
    assert await any_store.delete(record.key, record.app)
    assert left(any_store, path) == {}


@pytest.mark.parametrize("changes", CHAINS, ids=len)
async def test_nothing_is_left_of_a_session_that_was_swept(
    any_store: AnyStore, path: Path, clock: FakeClock, changes: tuple[Renew, ...]
) -> None:
    record = await chain(any_store, clock, *changes)
    clock.now = record.expires_at + SWEEP_DELAY
    await any_store.forget([ending.record for ending in await any_store.claim(limit=10, lease=30)])
    assert left(any_store, path) == {}


@pytest.mark.parametrize("changes", CHAINS, ids=len)
async def test_nothing_is_left_of_a_session_that_was_ended(
    any_store: AnyStore, path: Path, clock: FakeClock, changes: tuple[Renew, ...]
) -> None:
    record = await chain(any_store, clock, *changes)
    assert await any_store.end(record.key, record.app, reason="signed-out", lease=30) == record
    await any_store.forget([record])
    assert left(any_store, path) == {}


async def test_nothing_is_left_of_a_session_that_was_evicted(any_store: AnyStore, path: Path, clock: FakeClock) -> None:
    first, second = records.new(clock, principal="alice"), records.new(clock, principal="alice")
    await any_store.save(first, over=None)
    await any_store.forget(await any_store.admit(second, over=None, limit=1, when_full="end-oldest", lease=30))
    await any_store.delete(second.key, second.app)
    assert left(any_store, path) == {}


async def test_nothing_is_left_of_a_lease_that_has_run_out(any_store: AnyStore, path: Path, clock: FakeClock) -> None:
    record = await chain(any_store, clock)
    await any_store.hold(record, "one", seconds=10)
    await any_store.delete(record.key, record.app)
    clock.advance(seconds=10)
    await any_store.claim(limit=10, lease=30)
    assert left(any_store, path) == {}


@pytest.mark.parametrize("changes", CHAINS, ids=len)
async def test_nothing_is_left_of_a_session_in_whose_place_another_came(
    any_store: AnyStore, path: Path, clock: FakeClock, changes: tuple[Renew, ...]
) -> None:
    record = await chain(any_store, clock, *changes)
    clock.now = record.expires_at
    other = records.new(clock, ref=record.ref)
    await any_store.save(other, over=None)
    await any_store.delete(other.key, other.app)
    assert left(any_store, path) == {}


@pytest.mark.parametrize("changes", CHAINS, ids=len)
async def test_nothing_is_left_of_ways_that_are_long_closed(
    any_store: AnyStore, path: Path, clock: FakeClock, changes: tuple[Renew, ...]
) -> None:
    record = await chain(any_store, clock, *changes)
    clock.advance(seconds=1)
    await any_store.touch(records.used(record, clock))
    before = left(any_store, path)
    clock.advance(seconds=2 * GRACE)
    await any_store.claim(limit=10, lease=30)
    after = left(any_store, path)
    assert {name: number for name, number in after.items() if "stub" in name} == {}
    assert len(after) < len(before) or not changes
