"""Sweeps, ended by name: a session is claimed at once, for a reason that stays."""

from __future__ import annotations

import asyncio
import itertools
from typing import get_args

import pytest

from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone
from sojourn.store.base import SWEEP_DELAY, Ending, Lists, Query, Store, Sweeps
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["EndingContract"]

LEASE = 30.0
MANY = 20


class EndingContract(Ground):
    """The promises of `Sweeps.end`."""

    async def test_what_is_absent_cannot_be_ended(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        never, deleted, elsewhere = (records.new(clock) for _ in range(3))
        await store.save(deleted, over=None)
        await store.delete(deleted.key, deleted.app)
        await store.save(elsewhere, over=None)
        assert await sweeps.end(never.key, never.app, reason="signed-out", lease=LEASE) is None
        assert await sweeps.end(deleted.key, deleted.app, reason="signed-out", lease=LEASE) is None
        assert await sweeps.end(elsewhere.key, "blog", reason="signed-out", lease=LEASE) is None
        assert await store.load(elsewhere.key, elsewhere.app) == elsewhere
        clock.advance(seconds=LEASE)
        assert await sweeps.claim(limit=10, lease=LEASE) == []

    async def test_who_ends_a_session_gets_it_as_it_was_last_stored(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        first = records.new(clock, principal="alice")
        await store.save(first, over=None)
        second = records.newer(first, data=b"last")
        await store.save(second, over=first)
        clock.advance(minutes=1)
        await store.touch(records.used(first, clock))
        ended = await sweeps.end(first.key, first.app, reason="signed-out", lease=LEASE)
        assert ended == records.used(second, clock)

    async def test_one_of_many_ends_a_session(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        ends = (sweeps.end(record.key, record.app, reason="signed-out", lease=LEASE) for _ in range(MANY))
        answers = await asyncio.gather(*ends)
        assert [answer for answer in answers if answer is not None] == [record]

    async def test_one_of_many_that_end_or_delete_a_session_has_done_it(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        calls = [
            store.delete(record.key, record.app),
            sweeps.end(record.key, record.app, reason="revoked", lease=LEASE),
        ]
        answers = await asyncio.gather(*calls)
        assert sum(bool(answer) for answer in answers) == 1

    async def test_what_is_ended_is_out_of_reach_at_once(
        self, store: Store, sweeps: Sweeps, lists: Lists, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        await sweeps.end(record.key, record.app, reason="signed-out", lease=LEASE)
        for lease_is_over in (False, True):
            clock.advance(seconds=LEASE if lease_is_over else 0)
            await self._is_out_of_reach(store, record, clock)
            assert await lists.find(Query()) == []
            assert await sweeps.end(record.key, record.app, reason="revoked", lease=LEASE) is None

    async def _is_out_of_reach(self, store: Store, record: Record, clock: FakeClock) -> None:
        assert await store.load(record.key, record.app) is None
        late = records.used(record, clock)
        for change in (records.newer(late), records.renewed(late, clock), records.signed_in(late, clock)):
            with pytest.raises(Gone):
                await store.save(change, over=record)
            assert await store.load(change.key, change.app) is None
        assert not await store.touch(late)
        assert not await store.delete(record.key, record.app)
        with pytest.raises(Conflict):
            await store.save(records.new(clock, key=record.key), over=None)
        with pytest.raises(Conflict):
            await store.save(records.new(clock, ref=record.ref), over=None)

    async def test_an_old_key_ends_the_session_that_it_leads_to(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        clock.advance(seconds=1)
        new = records.renewed(old, clock)
        await store.save(new, over=old)
        assert await sweeps.end(old.key, old.app, reason="signed-out", lease=LEASE) == new
        assert await store.load(new.key, new.app) is None
        assert await store.load(old.key, old.app) is None
        with pytest.raises(Gone):
            await store.save(records.newer(old), over=old)

    async def test_a_key_that_was_left_at_a_sign_in_ends_nothing(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        clock.advance(seconds=1)
        new = records.signed_in(old, clock)
        await store.save(new, over=old)
        assert await sweeps.end(old.key, old.app, reason="signed-out", lease=LEASE) is None
        assert await store.load(new.key, new.app) == new

    async def test_what_has_expired_can_be_ended_until_it_is_swept(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        record, swept = records.new(clock), records.new(clock)
        await store.save(record, over=None)
        await store.save(swept, over=None)
        clock.now = record.expires_at + SWEEP_DELAY
        assert await sweeps.end(record.key, record.app, reason="revoked", lease=LEASE) == record
        assert [ending.record for ending in await sweeps.claim(limit=10, lease=LEASE)] == [swept]
        assert await sweeps.end(swept.key, swept.app, reason="revoked", lease=LEASE) is None

    @pytest.mark.parametrize("reason", get_args(Reason))
    async def test_what_was_ended_and_not_forgotten_is_claimed_when_the_lease_is_over_for_the_same_reason(
        self, store: Store, sweeps: Sweeps, clock: FakeClock, reason: Reason
    ) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        await sweeps.end(record.key, record.app, reason=reason, lease=LEASE)
        leases = [LEASE, 2 * LEASE, SWEEP_DELAY + records.ABSOLUTE, LEASE]
        for over, following in itertools.pairwise(leases):
            clock.advance(seconds=over - 1)
            assert await sweeps.claim(limit=10, lease=following) == []
            clock.advance(seconds=1)
            assert await sweeps.claim(limit=10, lease=following) == [Ending(record=record, reason=reason)]

    async def test_of_many_that_claim_again_one_gets_it(self, store: Store, sweeps: Sweeps, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        await sweeps.end(record.key, record.app, reason="revoked", lease=LEASE)
        clock.advance(seconds=LEASE)
        claims = await asyncio.gather(*(sweeps.claim(limit=10, lease=LEASE) for _ in range(MANY)))
        assert sorted(map(len, claims)) == [0] * (MANY - 1) + [1]

    async def test_what_was_ended_and_forgotten_is_gone_and_makes_room(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        ended = await sweeps.end(record.key, record.app, reason="signed-out", lease=LEASE)
        assert ended is not None
        await sweeps.forget([ended])
        clock.advance(seconds=LEASE)
        assert await sweeps.claim(limit=10, lease=LEASE) == []
        again = records.new(clock, key=record.key, ref=record.ref)
        await store.save(again, over=None)
        await sweeps.forget([])
        assert await store.load(again.key, again.app) == again

    @pytest.mark.parametrize(("absolute", "reason"), [(records.IDLE, "absolute"), (records.IDLE + 1, "idle")])
    async def test_what_expired_says_which_limit_it_met(
        self, store: Store, sweeps: Sweeps, clock: FakeClock, absolute: float, reason: Reason
    ) -> None:
        record = records.new(clock, absolute_at=clock() + absolute)
        await store.save(record, over=None)
        clock.now = record.expires_at + SWEEP_DELAY
        for _ in range(2):
            assert await sweeps.claim(limit=10, lease=LEASE) == [Ending(record=record, reason=reason)]
            clock.advance(seconds=LEASE)

    async def test_a_sweep_claims_what_was_ended_and_what_has_expired_up_to_its_limit(
        self, store: Store, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        kept = [records.new(clock) for _ in range(6)]
        for record in kept:
            await store.save(record, over=None)
        for record in kept[:3]:
            await sweeps.end(record.key, record.app, reason="revoked", lease=LEASE)
        clock.now = kept[0].expires_at + SWEEP_DELAY
        rounds = [await sweeps.claim(limit=2, lease=LEASE) for _ in range(4)]
        assert [len(each) for each in rounds] == [2, 2, 2, 0]
        reasons = {ending.record.ref: ending.reason for each in rounds for ending in each}
        assert reasons == {record.ref: "revoked" if record in kept[:3] else "idle" for record in kept}
