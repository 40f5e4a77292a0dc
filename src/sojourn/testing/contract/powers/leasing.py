"""Leases: one of many has the sole right to a session, until it gives it back or its time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sojourn.core.record import Record
from sojourn.store.base import Leases, Store
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["LeasingContract"]

SECONDS = 10.0
MANY = 20


async def stored(store: Store, clock: FakeClock) -> Record:
    record = records.new(clock)
    await store.save(record, over=None)
    return record


class LeasingContract(Ground):
    """The promises of `Leases`."""

    async def test_one_of_many_gets_the_right(self, store: Store, leases: Leases, clock: FakeClock) -> None:
        record = await stored(store, clock)
        tried = (leases.hold(record, f"holder {number}", seconds=SECONDS) for number in range(MANY))
        assert sorted(await asyncio.gather(*tried)) == [False] * (MANY - 1) + [True]

    async def test_the_right_ends_with_its_time(self, store: Store, leases: Leases, clock: FakeClock) -> None:
        record = await stored(store, clock)
        assert await leases.hold(record, "one", seconds=SECONDS)
        clock.advance(seconds=SECONDS - 0.25)
        assert not await leases.hold(record, "two", seconds=SECONDS)
        clock.advance(seconds=0.25)
        assert await leases.hold(record, "two", seconds=SECONDS)
        assert not await leases.hold(record, "one", seconds=SECONDS)

    async def test_who_has_the_right_can_prolong_it(self, store: Store, leases: Leases, clock: FakeClock) -> None:
        record = await stored(store, clock)
        for _ in range(3):
            assert await leases.hold(record, "one", seconds=SECONDS)
            clock.advance(seconds=SECONDS - 1)
        assert not await leases.hold(record, "two", seconds=SECONDS)
        clock.advance(seconds=1)
        assert await leases.hold(record, "two", seconds=SECONDS)

    async def test_who_comes_late_gets_the_right_back_if_nobody_took_it(
        self, store: Store, leases: Leases, clock: FakeClock
    ) -> None:
        record = await stored(store, clock)
        await leases.hold(record, "one", seconds=SECONDS)
        clock.advance(seconds=SECONDS + 1)
        assert await leases.hold(record, "one", seconds=SECONDS)
        assert not await leases.hold(record, "two", seconds=SECONDS)

    async def test_the_right_can_be_given_back_by_who_has_it_alone(
        self, store: Store, leases: Leases, clock: FakeClock
    ) -> None:
        record = await stored(store, clock)
        await leases.release(record, "one")
        await leases.hold(record, "one", seconds=SECONDS)
        await leases.release(record, "two")
        assert not await leases.hold(record, "two", seconds=SECONDS)
        await leases.release(record, "one")
        await leases.release(record, "one")
        assert await leases.hold(record, "two", seconds=SECONDS)
        await leases.release(record, "one")  # late: it has passed on
        assert not await leases.hold(record, "one", seconds=SECONDS)

    @pytest.mark.parametrize("change", [records.renewed, records.signed_in, records.newer])
    async def test_the_right_is_the_same_when_the_session_has_changed_or_moved(
        self, store: Store, leases: Leases, clock: FakeClock, change: Callable[..., Record]
    ) -> None:
        old = await stored(store, clock)
        assert await leases.hold(old, "one", seconds=SECONDS)
        new = change(old) if change is records.newer else change(old, clock)
        await store.save(new, over=old)
        for record in (old, new):
            assert not await leases.hold(record, "two", seconds=SECONDS)
            assert await leases.hold(record, "one", seconds=SECONDS)
        await leases.release(new, "one")
        assert await leases.hold(old, "two", seconds=SECONDS)

    async def test_the_right_is_to_one_session_of_one_application(
        self, store: Store, leases: Leases, clock: FakeClock
    ) -> None:
        shop, other = await stored(store, clock), await stored(store, clock)
        blog = records.new(clock, ref=shop.ref, app="blog")
        await store.save(blog, over=None)
        for holder, record in zip(("one", "two", "three"), (shop, other, blog), strict=True):
            assert await leases.hold(record, holder, seconds=SECONDS)
        assert not await leases.hold(blog, "one", seconds=SECONDS)

    async def test_the_right_of_one_is_in_nobodys_way_who_does_not_ask_for_it(
        self, store: Store, leases: Leases, clock: FakeClock
    ) -> None:
        record = await stored(store, clock)
        await leases.hold(record, "one", seconds=SECONDS)
        newer = records.newer(record)
        await store.save(newer, over=record)
        assert await store.load(record.key, record.app) == newer
        assert await store.touch(newer)
        assert await store.delete(record.key, record.app)
