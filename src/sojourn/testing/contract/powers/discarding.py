"""Sweeps, where nobody listens: what has expired is removed in one step."""

from __future__ import annotations

import asyncio

import pytest

from sojourn.errors import Gone
from sojourn.store.base import SWEEP_DELAY, Admits, Lists, Query, Store, Sweeps
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground
from sojourn.testing.contract.powers.sweeping import by_ref, expired, of

__all__ = ["DiscardingContract"]

LEASE = 30.0


class DiscardingContract(Ground):
    """The promises of `Sweeps.discard`."""

    async def test_nothing_is_discarded_before_it_has_rested(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        for too_early in (record.expires_at - 1, record.expires_at, record.expires_at + SWEEP_DELAY - 0.25):
            clock.now = too_early
            assert await sweeps.discard(limit=10) == 0
        clock.now = record.expires_at + SWEEP_DELAY
        assert await sweeps.discard(limit=10) == 1

    async def test_what_was_touched_in_time_is_not_discarded(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        used, saved, left = sorted(await expired(store, clock, 3), key=lambda record: record.key)
        assert await store.touch(records.used(used, clock))
        newer = records.newer(records.used(saved, clock))
        await store.save(newer, over=saved)
        assert await sweeps.discard(limit=10) == 1
        assert await store.load(used.key, used.app) is not None
        assert await store.load(saved.key, saved.app) == newer
        assert not await store.touch(records.used(left, clock))

    async def test_what_is_discarded_is_gone_and_makes_room(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        [record] = await expired(store, clock)
        assert await sweeps.discard(limit=10) == 1
        late = records.used(record, clock)
        for change in (records.newer(late), records.renewed(late, clock), records.signed_in(late, clock)):
            with pytest.raises(Gone):
                await store.save(change, over=record)
        assert not await store.touch(late)
        assert not await store.delete(record.key, record.app)
        assert await sweeps.end(record.key, record.app, reason="signed-out", lease=LEASE) is None
        again = records.new(clock, key=record.key, ref=record.ref)
        await store.save(again, over=None)
        assert await store.load(again.key, again.app) == again

    async def test_the_way_to_what_is_discarded_goes_with_it(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        clock.advance(seconds=1)
        new = records.renewed(old, clock)
        await store.save(new, over=old)
        clock.now = new.expires_at + SWEEP_DELAY
        assert await sweeps.discard(limit=10) == 1
        with pytest.raises(Gone):
            await store.save(records.newer(old), over=old)
        again = records.new(clock, key=old.key)
        await store.save(again, over=None)
        assert await store.load(old.key, old.app) == again

    async def test_no_more_is_discarded_than_was_asked_for(
        self, store: Store, sweeps: Sweeps, lists: Lists, clock: FakeClock
    ) -> None:
        await expired(store, clock, 5)
        living = records.new(clock)
        await store.save(living, over=None)
        assert [await sweeps.discard(limit=2) for _ in range(4)] == [2, 2, 1, 0]
        assert await lists.find(Query()) == [living]

    async def test_what_another_has_claimed_is_left_to_it_while_its_lease_lasts(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        ended, ripe = records.new(clock), records.new(clock)
        await store.save(ended, over=None)
        await store.save(ripe, over=None)
        clock.now = ripe.expires_at + SWEEP_DELAY
        await sweeps.end(ended.key, ended.app, reason="revoked", lease=LEASE)
        assert await sweeps.discard(limit=10) == 1
        clock.advance(seconds=LEASE - 1)
        assert await sweeps.discard(limit=10) == 0
        clock.advance(seconds=1)
        assert await sweeps.discard(limit=10) == 1
        assert await sweeps.claim(limit=10, lease=LEASE) == []

    async def test_what_is_claimed_by_one_is_discarded_by_no_other(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        await expired(store, clock, 40)
        claiming = asyncio.gather(*(sweeps.claim(limit=7, lease=LEASE) for _ in range(4)))
        discarding = asyncio.gather(*(sweeps.discard(limit=7) for _ in range(4)))
        claimed, discarded = [record for batch in await claiming for record in of(batch)], sum(await discarding)
        while more := await sweeps.discard(limit=7):  # what one has skipped since another was at it
            discarded += more
        assert len(claimed) + discarded == 40
        clock.advance(seconds=LEASE)
        assert by_ref(of(await sweeps.claim(limit=100, lease=LEASE))) == by_ref(claimed)

    async def test_what_is_discarded_counts_for_no_limit(
        self, store: Store, admits: Admits, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        first, second = records.new(clock, principal="alice"), records.new(clock, principal="alice")
        await admits.admit(first, over=None, limit=2, when_full="refuse", lease=LEASE)
        await admits.admit(second, over=None, limit=2, when_full="refuse", lease=LEASE)
        clock.now = second.expires_at + SWEEP_DELAY
        assert await sweeps.discard(limit=10) == 2
        for _ in range(2):
            record = records.new(clock, principal="alice")
            await admits.admit(record, over=None, limit=2, when_full="refuse", lease=LEASE)
            assert await store.load(record.key, record.app) == record
