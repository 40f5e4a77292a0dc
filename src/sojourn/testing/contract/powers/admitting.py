"""Admits: a principal has as many sessions as one may have, however many sign in at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached
from sojourn.store.base import Admits, Ending, Lists, Query, Store, Sweeps, WhenFull
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["AdmittingContract"]

LEASE = 30.0
MANY = 40  # sign-ins at the same time
EVICTS: list[WhenFull] = ["end-oldest", "end-least-used"]


async def admit(
    admits: Admits, record: Record, *, over: Record | None = None, limit: int = 3, when_full: WhenFull = "refuse"
) -> list[Record]:
    return await admits.admit(record, over=over, limit=limit, when_full=when_full, lease=LEASE)


async def admitted(admits: Admits, clock: FakeClock, number: int, **fields: str) -> list[Record]:
    """As many sessions of Alice's, one a second."""
    kept = []
    for _ in range(number):
        clock.advance(seconds=1)
        kept.append(records.new(clock, **{"principal": "alice"} | fields))
        assert await admit(admits, kept[-1], limit=number) == []
    return kept


async def live(store: Store, tried: Sequence[Record]) -> list[Record]:
    """Those of the records that are stored as they are."""
    return [record for record in tried if await store.load(record.key, record.app) == record]


class AdmittingContract(Ground):
    """The promises of `Admits`."""

    async def test_up_to_the_limit_a_session_is_saved(self, store: Store, admits: Admits, clock: FakeClock) -> None:
        kept = await admitted(admits, clock, 3)
        assert await live(store, kept) == kept
        newer = records.newer(kept[0])
        assert await admit(admits, newer, over=kept[0]) == []
        assert await store.load(newer.key, newer.app) == newer

    async def test_beyond_the_limit_a_session_is_refused_and_nothing_is_stored(
        self, store: Store, admits: Admits, clock: FakeClock
    ) -> None:
        kept, other, anonymous = await admitted(admits, clock, 3), records.new(clock), records.new(clock)
        await store.save(anonymous, over=None)
        with pytest.raises(LimitReached):
            await admit(admits, records.new(clock, principal="alice", key=other.key))
        with pytest.raises(LimitReached):
            await admit(admits, records.signed_in(anonymous, clock), over=anonymous)
        assert await live(store, [*kept, anonymous]) == [*kept, anonymous]
        assert await store.load(other.key, other.app) is None
        await store.save(records.newer(anonymous), over=anonymous)

    async def test_the_session_that_was_created_first_is_evicted(
        self, store: Store, admits: Admits, clock: FakeClock
    ) -> None:
        kept = await admitted(admits, clock, 3)
        clock.advance(seconds=1)
        used = records.used(kept[0], clock)
        await store.touch(used)
        record = records.new(clock, principal="alice")
        assert await admit(admits, record, when_full="end-oldest") == [used]
        assert await live(store, [*kept, record]) == [*kept[1:], record]

    async def test_the_session_that_was_used_longest_ago_is_evicted(
        self, store: Store, admits: Admits, clock: FakeClock
    ) -> None:
        kept = await admitted(admits, clock, 3)
        clock.advance(seconds=1)
        await store.touch(records.used(kept[0], clock))
        record = records.new(clock, principal="alice")
        assert await admit(admits, record, when_full="end-least-used") == [kept[1]]
        assert await store.load(kept[1].key, kept[1].app) is None
        assert await live(store, [kept[2], record]) == [kept[2], record]

    @pytest.mark.parametrize("when_full", EVICTS)
    async def test_as_many_are_evicted_as_needed(
        self, store: Store, admits: Admits, clock: FakeClock, when_full: WhenFull
    ) -> None:
        kept = await admitted(admits, clock, 5)
        record = records.new(clock, principal="alice")
        evicted = await admit(admits, record, limit=2, when_full=when_full)
        assert sorted(evicted, key=lambda each: each.created_at) == kept[:4]
        assert await live(store, [*kept, record]) == [kept[4], record]

    async def test_what_is_evicted_is_out_of_reach_at_once(
        self, store: Store, admits: Admits, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        [evicted] = await admitted(admits, clock, 1)
        await admit(admits, records.new(clock, principal="alice"), limit=1, when_full="end-oldest")
        assert await store.load(evicted.key, evicted.app) is None
        assert not await store.touch(records.used(evicted, clock))
        assert not await store.delete(evicted.key, evicted.app)
        assert await sweeps.end(evicted.key, evicted.app, reason="signed-out", lease=LEASE) is None
        for late in (records.newer(evicted), records.renewed(evicted, clock), records.signed_in(evicted, clock)):
            with pytest.raises(Gone):
                await store.save(late, over=evicted)
        with pytest.raises(Gone):
            await admit(admits, records.signed_in(evicted, clock), over=evicted)

    async def test_what_is_evicted_and_not_forgotten_is_claimed_when_the_lease_is_over(
        self, admits: Admits, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        first, second = await admitted(admits, clock, 2)
        evicted = await admit(admits, records.new(clock, principal="alice"), limit=1, when_full="end-oldest")
        assert evicted == [first, second]
        await sweeps.forget([first])
        clock.advance(seconds=LEASE - 1)
        assert await sweeps.claim(limit=10, lease=LEASE) == []
        clock.advance(seconds=1)
        assert await sweeps.claim(limit=10, lease=LEASE) == [Ending(record=second, reason="evicted")]

    async def test_of_many_that_sign_in_at_once_the_limit_is_let_in(
        self, store: Store, admits: Admits, lists: Lists, clock: FakeClock
    ) -> None:
        tried = [records.new(clock, principal="alice") for _ in range(MANY)]
        answers = await asyncio.gather(*(admit(admits, each, limit=10) for each in tried), return_exceptions=True)
        refused = [each for each, answer in zip(tried, answers, strict=True) if type(answer) is LimitReached]
        assert len(refused) == MANY - 10
        found = await lists.find(Query(principal="alice"), limit=MANY)
        assert sorted(each.ref for each in found) == sorted(each.ref for each in tried if each not in refused)
        assert await live(store, refused) == []

    @pytest.mark.parametrize("when_full", EVICTS)
    async def test_of_many_that_sign_in_at_once_each_is_let_in_and_each_beyond_the_limit_is_evicted_once(
        self, store: Store, admits: Admits, lists: Lists, clock: FakeClock, when_full: WhenFull
    ) -> None:
        anonymous = [records.new(clock) for _ in range(MANY)]
        for record in anonymous:
            await store.save(record, over=None)
        clock.advance(seconds=1)
        tried = [records.signed_in(record, clock) for record in anonymous]
        most = 0

        async def sign_in(over: Record, record: Record) -> list[Record]:
            nonlocal most
            evicted = await admit(admits, record, over=over, limit=10, when_full=when_full)
            most = max(most, len(await lists.find(Query(principal="alice"), limit=MANY)))
            return evicted

        answers = await asyncio.gather(*map(sign_in, anonymous, tried))
        evicted = [record.ref for answer in answers for record in answer]
        found = [record.ref for record in await lists.find(Query(principal="alice"), limit=MANY)]
        assert most <= 10
        assert len(found) == 10
        assert sorted(found + evicted) == sorted(record.ref for record in tried)

    async def test_what_has_expired_or_ended_does_not_count(
        self, store: Store, admits: Admits, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        expired = records.new(clock, principal="alice")
        await store.save(expired, over=None)
        clock.advance(minutes=1)
        living, ended, deleted = (records.new(clock, principal="alice") for _ in range(3))
        for each in (living, ended, deleted):
            await store.save(each, over=None)
        clock.now = expired.expires_at
        await sweeps.end(ended.key, ended.app, reason="signed-out", lease=LEASE)
        await store.delete(deleted.key, deleted.app)
        record = records.new(clock, principal="alice")
        assert await admit(admits, record, limit=2) == []
        assert await live(store, [living, record]) == [living, record]
        with pytest.raises(LimitReached):
            await admit(admits, records.new(clock, principal="alice"), limit=2)

    @pytest.mark.parametrize("change", [records.renewed, records.signed_in, records.newer])
    async def test_a_session_of_the_same_principal_does_not_count_twice(
        self, store: Store, admits: Admits, clock: FakeClock, change: Callable[..., Record]
    ) -> None:
        kept = await admitted(admits, clock, 3)
        record = kept[1]
        for _ in range(3):
            clock.advance(seconds=1)
            new = change(record) if change is records.newer else change(record, clock)
            assert await admit(admits, new, over=record) == []
            record = new
        assert await live(store, [kept[0], record, kept[2]]) == [kept[0], record, kept[2]]

    async def test_others_and_other_applications_are_left_alone(
        self, store: Store, admits: Admits, clock: FakeClock
    ) -> None:
        others = [
            records.new(clock),
            records.new(clock, principal=""),
            records.new(clock, principal="bob"),
            records.new(clock, principal="alice", app="blog"),
        ]
        for record in others:
            await store.save(record, over=None)
        clock.advance(seconds=1)
        [first] = await admitted(admits, clock, 1)
        second = records.new(clock, principal="alice")
        assert await admit(admits, second, limit=1, when_full="end-oldest") == [first]
        assert await live(store, [*others, second]) == [*others, second]

    async def test_who_signs_in_from_a_session_of_another_makes_room_there(
        self, admits: Admits, clock: FakeClock
    ) -> None:
        [bobs] = await admitted(admits, clock, 1, principal="bob")
        assert await admit(admits, records.signed_in(bobs, clock), over=bobs, limit=1) == []
        assert await admit(admits, records.new(clock, principal="bob"), limit=1) == []
        with pytest.raises(LimitReached):
            await admit(admits, records.new(clock, principal="alice"), limit=1)

    @pytest.mark.parametrize("when_full", ["refuse", *EVICTS])
    async def test_what_could_not_be_saved_at_all_meets_no_limit_and_evicts_nobody(
        self, store: Store, admits: Admits, clock: FakeClock, when_full: WhenFull
    ) -> None:
        kept = await admitted(admits, clock, 2)
        anonymous, never = records.new(clock), records.new(clock)
        await store.save(anonymous, over=None)
        current = records.newer(anonymous)
        await store.save(current, over=anonymous)
        taken = records.new(clock, principal="alice", key=current.key)
        ask: dict[type[Exception], list[Awaitable[list[Record]]]] = {
            Conflict: [
                admit(admits, records.signed_in(anonymous, clock), over=anonymous, limit=1, when_full=when_full),
                admit(
                    admits, records.newer(anonymous, principal="alice"), over=anonymous, limit=1, when_full=when_full
                ),
                admit(admits, taken, limit=1, when_full=when_full),
            ],
            Gone: [admit(admits, records.signed_in(never, clock), over=never, limit=1, when_full=when_full)],
        }
        for error, calls in ask.items():
            for call in calls:
                with pytest.raises(error):
                    await call
        assert await live(store, [*kept, current]) == [*kept, current]
