"""Sealed: what a store holds can be read, changed or swapped by nobody who lacks the key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sojourn.core import codec
from sojourn.core.record import Record
from sojourn.errors import Conflict, SettingError
from sojourn.store.base import SWEEP_DELAY, Query, Store
from sojourn.store.memory import MemoryStore
from sojourn.store.sealed import SealedStore, key_ring, new_key
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock, StoreContract
from sojourn.testing.contract import records

OLD, NEW, LOST = (bytes([number]) * 32 for number in (1, 2, 3))
SECRET = codec.write({"card": codec.pack("4111 1111 1111 1111", "card")})

POSITIONS = {"mark": 0, "format": 1, "key id": 2, "nonce": 6, "text": 18, "tag": -1}


class TestSealed(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> SealedStore:
        return SealedStore(MemoryStore(clock=clock), [OLD, NEW])

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, SealedStore)
        assert isinstance(store.inner, MemoryStore)
        kept = {name: value for name, value in vars(store.inner._memory).items() if isinstance(value, dict)}
        yield msgspec.msgpack.encode({name: list(value.items()) for name, value in kept.items()})


class TestSealedSqlite(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> SealedStore:
        return SealedStore(SqliteStore(tmp_path / "sessions.db", clock=clock), [OLD, NEW])

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, SealedStore)
        assert isinstance(store.inner, SqliteStore)
        yield from (file.read_bytes() for file in store.inner._path.parent.iterdir())


@pytest.fixture
def memory(clock: FakeClock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def sealed(memory: MemoryStore) -> SealedStore:
    return SealedStore(memory, [NEW])


def tampered(memory: MemoryStore, record: Record, **fields: Any) -> None:
    """Change what is stored behind the back of the one who seals."""
    stored = memory._memory._records[record.key, record.app]
    memory._memory._records[record.key, record.app] = msgspec.structs.replace(stored, **fields)


def at_rest(memory: MemoryStore, record: Record) -> bytes:
    return memory._memory._records[record.key, record.app].data


async def test_nothing_of_the_data_is_at_rest(memory: MemoryStore, sealed: SealedStore, clock: FakeClock) -> None:
    record = records.new(clock, data=SECRET, principal="alice")
    await sealed.save(record, over=None)
    kept = at_rest(memory, record)
    assert b"4111" not in kept
    assert b"card" not in kept
    assert len(kept) == len(SECRET) + 34
    assert await sealed.find(Query(principal="alice")) == [record]


@pytest.mark.parametrize("place", POSITIONS.values(), ids=POSITIONS)
async def test_one_flipped_bit_makes_the_session_absent_and_nothing_is_written_over_it(
    memory: MemoryStore, sealed: SealedStore, clock: FakeClock, place: int
) -> None:
    record = records.new(clock, data=SECRET)
    await sealed.save(record, over=None)
    flipped = bytearray(at_rest(memory, record))
    flipped[place] ^= 1
    tampered(memory, record, data=bytes(flipped))
    assert await sealed.load(record.key, record.app) is None
    with pytest.raises(Conflict) as caught:
        await sealed.save(records.new(clock, key=record.key), over=None)
    assert caught.value.stored is None
    with pytest.raises(Conflict) as caught:
        await sealed.save(records.newer(record), over=records.newer(record))
    assert caught.value.stored is None
    assert at_rest(memory, record) == flipped


@pytest.mark.parametrize("size", [0, 1, 2, 6, 17, 18, 33])
async def test_what_is_cut_short_does_not_open(
    memory: MemoryStore, sealed: SealedStore, clock: FakeClock, size: int
) -> None:
    record = records.new(clock, data=SECRET)
    await sealed.save(record, over=None)
    tampered(memory, record, data=at_rest(memory, record)[:size])
    assert await sealed.load(record.key, record.app) is None


async def test_what_was_never_sealed_is_not_believed(
    memory: MemoryStore, sealed: SealedStore, clock: FakeClock
) -> None:
    record = records.new(clock, data=SECRET)
    await memory.save(record, over=None)
    assert await sealed.load(record.key, record.app) is None
    [found] = await sealed.find(Query())
    with pytest.raises(codec.Undecodable, match="no key at hand opens it"):
        codec.read(found.data)


@pytest.mark.parametrize(
    "fields",
    [{"principal": "admin"}, {"principal": None}, {"epoch": 7}, {"version": 7}],
    ids=["another principal", "no principal", "another epoch", "another version"],
)
async def test_what_stays_readable_cannot_be_changed_unnoticed(
    memory: MemoryStore, sealed: SealedStore, clock: FakeClock, fields: dict[str, Any]
) -> None:
    record = records.new(clock, data=SECRET, principal="alice")
    await sealed.save(record, over=None)
    tampered(memory, record, **fields)
    assert await sealed.load(record.key, record.app) is None


async def test_data_swapped_between_two_sessions_does_not_open(
    memory: MemoryStore, sealed: SealedStore, clock: FakeClock
) -> None:
    alices, mallorys = records.new(clock, data=SECRET), records.new(clock)
    for record in (alices, mallorys):
        await sealed.save(record, over=None)
    tampered(memory, mallorys, data=at_rest(memory, alices))
    assert await sealed.load(mallorys.key, mallorys.app) is None
    assert await sealed.load(alices.key, alices.app) == alices


async def test_a_session_put_under_a_key_of_the_thiefs_does_not_open(
    memory: MemoryStore, sealed: SealedStore, clock: FakeClock
) -> None:
    alices = records.new(clock, data=SECRET, principal="alice")
    await sealed.save(alices, over=None)
    stolen = records.new(clock).key
    memory._memory._records[stolen, alices.app] = msgspec.structs.replace(
        memory._memory._records.pop((alices.key, alices.app)), key=stolen
    )
    assert await sealed.load(stolen, alices.app) is None


async def test_an_older_state_put_back_in_the_place_of_the_newer_does_not_open(
    memory: MemoryStore, sealed: SealedStore, clock: FakeClock
) -> None:
    first = records.new(clock, data=SECRET)
    await sealed.save(first, over=None)
    before = at_rest(memory, first)
    second = records.newer(first)
    await sealed.save(second, over=first)
    tampered(memory, second, data=before)
    assert await sealed.load(second.key, second.app) is None


async def test_a_touch_and_a_renewal_leave_a_session_that_opens(sealed: SealedStore, clock: FakeClock) -> None:
    record = records.new(clock, data=SECRET)
    await sealed.save(record, over=None)
    clock.advance(minutes=5)
    assert await sealed.touch(records.used(record, clock))
    moved = records.renewed(record, clock, data=SECRET)
    await sealed.save(moved, over=record)
    loaded = await sealed.load(record.key, record.app)
    assert loaded is not None
    assert (loaded.key, loaded.data) == (moved.key, SECRET)


async def test_each_save_seals_with_the_newest_key(memory: MemoryStore, clock: FakeClock) -> None:
    before, after = SealedStore(memory, [OLD]), SealedStore(memory, [OLD, NEW])
    record = records.new(clock, data=SECRET)
    await before.save(record, over=None)
    assert await after.load(record.key, record.app) == record
    await after.save(records.newer(record, data=SECRET), over=record)
    only_new = SealedStore(memory, [NEW])
    assert await only_new.load(record.key, record.app) == records.newer(record, data=SECRET)
    assert await before.load(record.key, record.app) is None


async def test_keys_are_rotated_under_load_and_no_increment_is_lost(memory: MemoryStore, clock: FakeClock) -> None:
    rings = [[OLD], [NEW, OLD], [OLD, NEW], [NEW]]  # what a node has: first it opens, then it seals
    nodes = [SealedStore(memory, rings[0]), SealedStore(memory, rings[0])]
    record = records.new(clock, data=b"0")
    await nodes[0].save(record, over=None)

    async def increment(number: int) -> None:
        while True:
            node = nodes[number % 2]
            stored = await node.load(record.key, record.app)
            assert stored is not None
            await asyncio.sleep(0)
            try:
                return await node.save(records.newer(stored, data=b"%d" % (int(stored.data) + 1)), over=stored)
            except Conflict:
                continue

    async def rotate() -> None:
        for ring in rings[1:]:
            for number in range(2):  # one node after the other
                await asyncio.gather(*(increment(each) for each in range(10)))
                nodes[number] = SealedStore(memory, ring)

    load = [asyncio.create_task(increment(number)) for number in range(100)]
    await rotate()
    await asyncio.gather(*load)
    last = await nodes[0].load(record.key, record.app)
    assert last is not None
    assert last.data == b"160"


async def test_what_a_lost_key_sealed_is_absent_swept_and_announced(
    memory: MemoryStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    node = SealedStore(memory, [NEW], unreadable=lambda record, reason: told.append(reason))
    lost, kept = records.new(clock, data=SECRET, principal="alice"), records.new(clock, data=SECRET)
    await SealedStore(memory, [LOST]).save(lost, over=None)
    await node.save(kept, over=None)
    with caplog.at_level(logging.WARNING):
        assert await node.load(lost.key, lost.app) is None
        assert await node.load(lost.key, lost.app) is None
    assert len(told) == node.unopened == 2
    assert len(caplog.messages) == 1
    assert "is not in the ring" in caplog.text
    for text in (lost.key, lost.ref, "4111"):
        assert text not in caplog.text
    clock.now = lost.expires_at + SWEEP_DELAY
    claimed = {ending.record.ref: ending.record for ending in await node.claim(limit=10, lease=30)}
    assert claimed[kept.ref] == kept
    with pytest.raises(codec.Undecodable):
        codec.read(claimed[lost.ref].data)
    await node.forget(list(claimed.values()))
    assert not memory._memory._records


async def test_what_does_not_open_can_be_ended(memory: MemoryStore, sealed: SealedStore, clock: FakeClock) -> None:
    lost = records.new(clock, data=SECRET)
    await SealedStore(memory, [LOST]).save(lost, over=None)
    ended = await sealed.end(lost.key, lost.app, reason="revoked", lease=30)
    assert ended is not None
    assert ended.ref == lost.ref
    await sealed.forget([ended])
    assert not memory._memory._records


async def test_whoever_is_evicted_is_announced_with_what_it_held(sealed: SealedStore, clock: FakeClock) -> None:
    first = records.new(clock, data=SECRET, principal="alice")
    await sealed.admit(first, over=None, limit=1, when_full="end-oldest", lease=30)
    clock.advance(seconds=1)
    second = records.new(clock, data=SECRET, principal="alice")
    evicted = await sealed.admit(second, over=None, limit=1, when_full="end-oldest", lease=30)
    assert evicted == [first]


async def test_no_nonce_is_used_twice(sealed: SealedStore, clock: FakeClock) -> None:
    record = records.new(clock)
    count = 100_000
    assert len({sealed._seal(record).data[6:18] for _ in range(count)}) == count


def test_a_ring_is_given_as_text() -> None:
    old, new = new_key(), new_key()
    assert key_ring(f"{old},{new}") == key_ring(f" {old}\n{new}=") == [*key_ring(old), *key_ring(new)]
    assert [len(key) for key in key_ring(f"{old} {new}")] == [32, 32]
    assert old != new


@pytest.mark.parametrize(
    "text",
    ["short", new_key() + "AAAA", "*" * 43, "ü" * 43, f"{new_key()} {'?' * 43}"],
    ids=["short", "long", "stars", "umlauts", "the second"],
)
def test_a_key_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SettingError) as caught:
        key_ring(text)
    assert text.rsplit(maxsplit=1)[-1] not in str(caught.value)


@pytest.mark.parametrize("keys", [[], b"x" * 32, "x" * 32, [b"x" * 31], ["x" * 32], [OLD, NEW, OLD]], ids=range(6))
def test_a_ring_that_cannot_work_is_refused(memory: MemoryStore, keys: Any) -> None:
    with pytest.raises(SettingError):
        SealedStore(memory, keys)
