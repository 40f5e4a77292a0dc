"""What a store in memory keeps in order: pages and sweeps look at what they return, however much is stored."""

from __future__ import annotations

import random

import pytest

from sojourn.core.record import Record
from sojourn.store.base import SWEEP_DELAY, Query
from sojourn.store.memory import MemoryStore
from sojourn.store.memory import order as order_module
from sojourn.store.memory.dicts import Dicts
from sojourn.store.memory.order import STALE, Due, Sorted
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


def test_pairs_stay_sorted_whatever_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_module, "RUN", 4)
    chance = random.Random(3)
    pairs, kept = Sorted(), set[tuple[str, str]]()
    for _ in range(3000):
        pair = (f"{chance.randrange(120):03}", chance.choice("abc"))
        if pair in kept:
            pairs.remove(pair)
            kept.remove(pair)
        elif chance.random() < 0.7:
            pairs.add(pair)
            kept.add(pair)
        text = f"{chance.randrange(120):03}"
        assert list(pairs.after(text)) == sorted(each for each in kept if each[0] > text)
        assert list(pairs.of(text)) == sorted(each for each in kept if each[0] == text)


def test_what_was_forgotten_takes_no_room_for_long() -> None:
    due = Due(lambda: [(1.0, ("kept", "shop"))])
    for number in range(10 * STALE):
        due.add(2.0, (str(number), "shop"), among=1)
        assert len(due) <= STALE + 2
    assert due.next(1.0) == ("kept", "shop")


class _Counted(dict[tuple[str, str], Record]):
    """Records that count how often one of them is looked at."""

    looks = 0

    def get(self, place: tuple[str, str], default: object = None) -> Record | None:  # type: ignore[override]
        self.looks += 1
        return super().get(place)

    def __getitem__(self, place: tuple[str, str]) -> Record:
        self.looks += 1
        return super().__getitem__(place)

    def items(self) -> object:  # type: ignore[override]
        self.looks += len(self)
        return super().items()

    def values(self) -> object:  # type: ignore[override]
        self.looks += len(self)
        return super().values()


def _counted(store: MemoryStore) -> _Counted:
    dicts = store._memory
    assert isinstance(dicts, Dicts)
    counted = _Counted(dicts._records)
    dicts._records = counted
    return counted


async def test_a_page_looks_at_no_more_sessions_than_it_shows(clock: FakeClock) -> None:
    store = MemoryStore(clock=clock)
    made = [records.new(clock) for _ in range(2000)]
    for record in made:
        await store.save(record, over=None)
    counted = _counted(store)
    refs = sorted(record.ref for record in made)
    page = await store.find(Query(app=made[0].app), limit=50, after=refs[999])
    assert [record.ref for record in page] == refs[1000:1050]
    assert counted.looks <= 60
    counted.looks = 0
    assert [record.ref for record in await store.find(Query(ref=refs[3]))] == [refs[3]]
    assert counted.looks <= 2


async def test_a_sweep_looks_at_no_more_sessions_than_it_claims(clock: FakeClock) -> None:
    store = MemoryStore(clock=clock)
    made = [records.new(clock, expires_at=clock() + (10 if number % 10 == 0 else 9999)) for number in range(2000)]
    for record in made:
        await store.save(record, over=None)
    clock.advance(seconds=10 + SWEEP_DELAY)
    counted = _counted(store)
    swept = 0
    while claimed := await store.claim(limit=20, lease=5):
        await store.forget([ending.record for ending in claimed])
        swept += len(claimed)
    assert swept == 200
    assert counted.looks <= 5 * swept


async def test_what_was_put_off_is_swept_in_its_own_time(clock: FakeClock) -> None:
    store = MemoryStore(clock=clock)
    record = records.new(clock, expires_at=clock() + 10)
    await store.save(record, over=None)
    await store.touch(records.newer(record, version=record.version, expires_at=clock() + 500))
    clock.advance(seconds=10 + SWEEP_DELAY)
    assert await store.claim(limit=5, lease=5) == []
    clock.advance(seconds=490)
    assert [ending.record.ref for ending in await store.claim(limit=5, lease=5)] == [record.ref]


async def test_what_is_to_end_sooner_is_swept_sooner(clock: FakeClock) -> None:
    store = MemoryStore(clock=clock)
    record = records.new(clock, expires_at=clock() + 500)
    await store.save(record, over=None)
    await store.save(records.newer(record, expires_at=clock() + 10), over=record)
    clock.advance(seconds=10 + SWEEP_DELAY)
    assert [ending.record.ref for ending in await store.claim(limit=5, lease=5)] == [record.ref]
