"""Memory that is full: other sessions go to disk or are refused, and it never grows without bound."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import tempfile
from pathlib import Path

import pytest

from sojourn.core.record import Record
from sojourn.errors import Conflict, LimitReached, SettingError, StoreFull
from sojourn.store.base import SWEEP_DELAY, Beat, Change, Query
from sojourn.store.memory import MemoryStore, watcher
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of temporary files."""
    directory = tmp_path / "room"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


async def fill(store: MemoryStore, clock: FakeClock, number: int) -> list[Record]:
    """New sessions, one a second."""
    made = []
    for _ in range(number):
        clock.advance(seconds=1)
        made.append(records.new(clock))
        await store.save(made[-1], over=None)
    return made


def opened(directory: Path) -> int:
    """How many files of a directory this process has open, whether or not they are still there."""
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # of this very look
            names.append(str(descriptor.readlink()))
    return sum(name.startswith(str(directory)) for name in names)


def there(directory: Path) -> int:
    """How many files a directory has."""
    return len(list(directory.iterdir()))


async def test_memory_holds_no_more_than_it_may_and_the_rest_is_found_all_the_same(
    room: Path, clock: FakeClock
) -> None:
    store = MemoryStore(entries=10, clock=clock)
    made = await fill(store, clock, 200)
    assert len(store._memory) == 10
    assert [await store.load(record.key, record.app) for record in made] == made
    assert len(await store.find(Query(), limit=1000)) == 200


async def test_a_session_stays_in_one_place_for_all_its_life(room: Path, clock: FakeClock) -> None:
    store = MemoryStore(entries=1, clock=clock)
    for record in await fill(store, clock, 2):
        current = record
        for change in (records.renewed, records.signed_in, records.renewed):
            clock.advance(seconds=1)
            moved = change(current, clock)
            await store.save(moved, over=current)
            current = moved
        assert await store.load(current.key, current.app) == current
    assert [len(tier) for tier in store._tiers] == [1, 1]


async def test_what_ends_makes_room_in_memory(room: Path, clock: FakeClock) -> None:
    store = MemoryStore(entries=1, clock=clock)
    [first, _] = await fill(store, clock, 2)
    await store.delete(first.key, first.app)
    await fill(store, clock, 1)
    assert [len(tier) for tier in store._tiers] == [1, 1]


async def test_a_sweep_goes_over_memory_and_disk_up_to_its_limit(room: Path, clock: FakeClock) -> None:
    store = MemoryStore(entries=3, clock=clock)
    made = await fill(store, clock, 6)
    clock.now = made[-1].expires_at + SWEEP_DELAY
    rounds = [await store.claim(limit=4, lease=30) for _ in range(3)]
    assert [len(each) for each in rounds] == [4, 2, 0]
    await store.forget([ending.record for each in rounds for ending in each])
    assert [len(tier) for tier in store._tiers] == [0, 0]


async def test_nothing_is_in_the_directory_and_nothing_is_open_when_the_store_is_gone(
    room: Path, clock: FakeClock
) -> None:
    store = MemoryStore(entries=1, clock=clock)
    await fill(store, clock, 1)
    assert opened(room) == 0
    await fill(store, clock, 50)
    assert opened(room) == 1
    assert there(room) == 0
    del store
    gc.collect()
    assert opened(room) == 0


async def test_memory_that_refuses_says_what_to_do_and_keeps_what_it_has(clock: FakeClock) -> None:
    store = MemoryStore(entries=2, full="refuse", clock=clock)
    first, second = await fill(store, clock, 2)
    with pytest.raises(StoreFull, match="raise entries=, or let full=swap use the disk"):
        await fill(store, clock, 1)
    newer, moved = records.newer(first), records.signed_in(second, clock)
    await store.save(newer, over=first)
    assert await store.touch(newer)
    await store.save(moved, over=second)
    assert {record.ref for record in await store.find(Query())} == {first.ref, second.ref}
    await store.delete(newer.key, newer.app)
    await fill(store, clock, 1)


async def test_memory_that_refuses_refuses_what_conflicts_for_that_reason(clock: FakeClock) -> None:
    store = MemoryStore(entries=1, full="refuse", clock=clock)
    [first] = await fill(store, clock, 1)
    with pytest.raises(Conflict):
        await store.save(records.new(clock, key=first.key), over=None)


async def test_what_expired_in_the_place_of_a_new_session_makes_room_for_it(clock: FakeClock) -> None:
    store = MemoryStore(entries=1, full="refuse", clock=clock)
    [expired] = await fill(store, clock, 1)
    clock.now = expired.expires_at
    new = records.new(clock, key=expired.key)
    await store.save(new, over=None)
    assert await store.load(new.key, new.app) == new


async def test_a_sign_in_that_finds_no_room_evicts_nobody(clock: FakeClock) -> None:
    store = MemoryStore(entries=1, full="refuse", clock=clock)
    alice = records.new(clock, principal="alice")
    await store.save(alice, over=None)
    with pytest.raises(StoreFull):
        await store.admit(records.new(clock, principal="alice"), over=None, limit=1, when_full="end-oldest", lease=30)
    assert await store.load(alice.key, alice.app) == alice


async def test_the_limit_of_a_principal_counts_memory_and_disk(room: Path, clock: FakeClock) -> None:
    store = MemoryStore(entries=2, clock=clock)
    kept = []
    for _ in range(4):
        clock.advance(seconds=1)
        kept.append(records.new(clock, principal="alice"))
        await store.admit(kept[-1], over=None, limit=4, when_full="refuse", lease=30)
    await store.touch(records.used(kept[0], clock))
    new = records.new(clock, principal="alice")
    with pytest.raises(LimitReached):
        await store.admit(new, over=None, limit=4, when_full="refuse", lease=30)
    evicted = await store.admit(new, over=None, limit=3, when_full="end-least-used", lease=30)
    assert evicted == [kept[1], kept[2]]  # one of either


async def test_a_disk_that_is_full_refuses_and_keeps_what_it_has(
    disk: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    store = MemoryStore(entries=1, clock=clock)
    kept: list[Record] = []

    async def keep(number: int) -> None:
        for _ in range(number):
            record = records.new(clock, data=os.urandom(20_000))
            await store.save(record, over=None)
            kept.append(record)

    with pytest.raises(StoreFull, match="is full"):
        await keep(1000)
    assert 50 < len(kept) < 1000
    assert [await store.load(record.key, record.app) for record in kept] == kept
    for record in kept[:10]:
        await store.delete(record.key, record.app)
    await store.save(records.new(clock), over=None)


def test_without_a_directory_for_temporary_files_others_are_refused(room: Path, clock: FakeClock) -> None:
    store = MemoryStore(entries=1, clock=clock)
    [first] = asyncio.run(fill(store, clock, 1))
    room.rmdir()
    with pytest.raises(StoreFull, match="no temporary file"):
        asyncio.run(fill(store, clock, 1))
    assert asyncio.run(store.load(first.key, first.app)) == first
    room.mkdir()
    asyncio.run(fill(store, clock, 1))


def test_the_sessions_of_a_parent_are_not_disturbed_by_a_child(room: Path, clock: FakeClock) -> None:
    store = MemoryStore(entries=1, clock=clock)
    made = asyncio.run(fill(store, clock, 20))

    async def use() -> bool:
        absent = await store.load(made[-1].key, made[-1].app) is None
        [own] = await fill(store, clock, 1)
        return absent and await store.load(own.key, own.app) == own

    child = os.fork()
    if child == 0:
        os._exit(0 if asyncio.run(use()) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0

    async def look() -> list[Record | None]:
        return [await store.load(record.key, record.app) for record in made]

    assert asyncio.run(look()) == made


async def test_a_watcher_that_falls_behind_sees_a_gap_and_takes_no_more_room(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "LAG", 5)
    store = MemoryStore(clock=clock)
    watch = store.watch()
    assert isinstance(first := await anext(watch), Beat)
    assert first.number == 0
    made = await fill(store, clock, 20)
    told = [await anext(watch) for _ in range(5)]
    assert [news.number for news in told] == [16, 17, 18, 19, 20]
    assert [news.key for news in told if isinstance(news, Change)] == [record.key for record in made[15:]]


@pytest.mark.parametrize("entries", [0, -1])
def test_memory_has_room_for_one_at_least(entries: int) -> None:
    with pytest.raises(SettingError, match="entries"):
        MemoryStore(entries=entries)
