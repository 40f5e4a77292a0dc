"""Sweeps: what has expired is claimed by one, announced, and forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone
from sojourn.store.base import SWEEP_DELAY, Ending, Store, Sweeps
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["SweepingContract"]

LEASE = 30.0


async def expired(store: Store, clock: FakeClock, number: int = 1) -> list[Record]:
    """Records that are ripe for a sweep, by ref."""
    stored = [records.new(clock) for _ in range(number)]
    for record in stored:
        await store.save(record, over=None)
    clock.now = stored[-1].expires_at + SWEEP_DELAY
    return by_ref(stored)


def by_ref(found: list[Record]) -> list[Record]:
    """In an order that can be compared."""
    return sorted(found, key=lambda record: record.ref)


def idle(records: Iterable[Record]) -> list[Ending]:
    """The endings of records that were not used for too long."""
    return [Ending(record=record, reason="idle") for record in records]


def of(endings: Iterable[Ending]) -> list[Record]:
    """What has ended."""
    return [ending.record for ending in endings]


class SweepingContract(Ground):
    """The promises of `Sweeps`."""

    async def test_nothing_is_swept_before_it_has_rested(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        for too_early in (record.expires_at - 1, record.expires_at, record.expires_at + SWEEP_DELAY - 0.25):
            clock.now = too_early
            assert await sweeps.claim(limit=10, lease=LEASE) == []
        clock.now = record.expires_at + SWEEP_DELAY
        assert await sweeps.claim(limit=10, lease=LEASE) == idle([record])

    async def test_a_sweep_takes_what_has_expired_and_leaves_the_rest(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        old = await expired(store, clock, 3)
        living = records.new(clock)
        await store.save(living, over=None)
        claimed = of(await sweeps.claim(limit=10, lease=LEASE))
        assert by_ref(claimed) == old
        await sweeps.forget(claimed)
        assert await store.load(living.key, living.app) == living

    async def test_what_was_touched_in_time_is_not_swept(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        [record] = await expired(store, clock)
        assert await store.touch(records.used(record, clock))
        assert await sweeps.claim(limit=10, lease=LEASE) == []
        assert await store.load(record.key, record.app) is not None

    async def test_no_two_sweeps_claim_the_same(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        old = await expired(store, clock, 40)
        batches = await asyncio.gather(*(sweeps.claim(limit=7, lease=LEASE) for _ in range(10)))
        assert by_ref([record for batch in batches for record in of(batch)]) == old

    async def test_a_sweep_takes_no_more_than_it_asked_for(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        await expired(store, clock, 5)
        assert [len(await sweeps.claim(limit=2, lease=LEASE)) for _ in range(4)] == [2, 2, 1, 0]

    async def test_what_is_claimed_is_out_of_reach(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        [record] = await expired(store, clock)
        await sweeps.claim(limit=10, lease=LEASE)
        for lease_is_over in (False, True):
            clock.advance(seconds=LEASE if lease_is_over else 0)
            late = records.used(record, clock)
            for change in (records.newer(late), records.renewed(late, clock), records.signed_in(late, clock)):
                with pytest.raises(Gone):
                    await store.save(change, over=record)
                assert await store.load(change.key, change.app) is None
            assert not await store.touch(late)
            assert not await store.delete(record.key, record.app)
            assert await store.load(record.key, record.app) is None

    async def test_nothing_is_created_where_something_is_claimed(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        [record] = await expired(store, clock)
        await sweeps.claim(limit=10, lease=LEASE)
        with pytest.raises(Conflict):
            await store.save(records.new(clock, key=record.key), over=None)

    async def test_what_is_claimed_is_out_of_reach_over_its_old_key(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        clock.advance(seconds=1)
        new = records.renewed(old, clock)
        await store.save(new, over=old)
        clock.now = new.expires_at + SWEEP_DELAY
        assert await sweeps.claim(limit=10, lease=LEASE) == idle([new])
        assert await store.load(old.key, old.app) is None
        assert not await store.delete(old.key, old.app)
        with pytest.raises(Gone):
            await store.save(records.newer(old), over=old)

    async def test_what_was_claimed_and_not_forgotten_is_claimed_again(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        [record] = await expired(store, clock)
        assert await sweeps.claim(limit=10, lease=LEASE) == idle([record])
        clock.advance(seconds=LEASE - 1)
        assert await sweeps.claim(limit=10, lease=LEASE) == []
        clock.advance(seconds=1)
        assert await sweeps.claim(limit=10, lease=LEASE) == idle([record])

    async def test_what_is_forgotten_is_not_claimed_again(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        old = await expired(store, clock, 3)
        claimed = of(await sweeps.claim(limit=2, lease=LEASE))
        await sweeps.forget(claimed)
        await sweeps.forget(claimed)  # a second time is harmless
        clock.advance(seconds=LEASE)
        assert await sweeps.claim(limit=10, lease=LEASE) == idle(record for record in old if record not in claimed)

    async def test_what_is_forgotten_makes_room(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        [record] = await expired(store, clock)
        await sweeps.forget(of(await sweeps.claim(limit=10, lease=LEASE)))
        again = records.new(clock, key=record.key, ref=record.ref)
        await store.save(again, over=None)
        assert await store.load(again.key, again.app) == again

    async def test_what_nobody_claimed_is_not_forgotten(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        clock.advance(seconds=1)
        living, [ripe] = records.renewed(old, clock, expires_at=clock() + 1e6), await expired(store, clock)
        await store.save(living, over=old)
        await sweeps.forget([living, ripe])
        assert await store.load(living.key, living.app) == living
        assert await store.load(old.key, old.app) == living
        assert await sweeps.claim(limit=10, lease=LEASE) == idle([ripe])

    async def test_a_sweep_leaves_a_way_that_is_still_followed(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        old = records.new(clock, expires_at=clock() + 1e6, absolute_at=clock() + 1e6)
        await store.save(old, over=None)
        clock.advance(seconds=1)
        new = records.renewed(old, clock)
        await store.save(new, over=old)
        clock.advance(days=2)
        await sweeps.claim(limit=10, lease=LEASE)
        assert await store.load(old.key, old.app) == new
        await store.touch(records.used(new, clock))
        clock.advance(seconds=GRACE - 1)
        await sweeps.claim(limit=10, lease=LEASE)
        assert await store.load(old.key, old.app) is not None
        clock.advance(seconds=GRACE)
        await sweeps.claim(limit=10, lease=LEASE)
        with pytest.raises(Conflict):  # a slow one still learns where its session went
            await store.save(records.newer(old), over=old)

    async def test_a_sweep_forgets_ways_that_are_long_closed(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        old = records.new(clock, expires_at=clock() + 1e6, absolute_at=clock() + 1e6)
        await store.save(old, over=None)
        clock.advance(seconds=1)
        new = records.signed_in(old, clock)
        await store.save(new, over=old)
        clock.advance(hours=1)
        await sweeps.claim(limit=10, lease=LEASE)
        with pytest.raises(Gone):
            await store.save(records.newer(old), over=old)
        assert await store.load(new.key, new.app) == new
        assert await store.delete(new.key, new.app)
