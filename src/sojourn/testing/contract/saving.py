"""Creating, updating, touching, deleting: every write names what it replaces."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Iterable

import msgspec
import pytest

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone
from sojourn.store.base import Store
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["SavingContract"]

MANY = 20


async def outcomes(calls: Iterable[Awaitable[object]]) -> list[object]:
    """What each of many calls at the same time returns or raises."""
    return list(await asyncio.gather(*calls, return_exceptions=True))


class SavingContract(Ground):
    """The promises of `load`, `save`, `touch` and `delete`."""

    async def test_what_was_never_stored_is_absent(self, store: Store, clock: FakeClock) -> None:
        never = records.new(clock)
        assert await store.load(never.key, never.app) is None
        assert not await store.delete(never.key, never.app)
        assert not await store.touch(never)
        assert await store.load(never.key, never.app) is None

    async def test_what_is_created_is_loaded_as_it_was(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock, principal="alice", epoch=3, node="n7", data=b"\x81\xa4cart\x90")
        await store.save(record, over=None)
        assert await store.load(record.key, record.app) == record

    async def test_the_second_create_at_a_key_conflicts(self, store: Store, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        with pytest.raises(Conflict) as caught:
            await store.save(records.new(clock, key=first.key), over=None)
        assert caught.value.stored in (None, first)
        assert await store.load(first.key, first.app) == first

    async def test_of_many_creates_at_once_one_wins(self, store: Store, clock: FakeClock) -> None:
        key = records.new(clock).key
        tried = [records.new(clock, key=key) for _ in range(MANY)]
        answers = await outcomes(store.save(record, over=None) for record in tried)
        assert sorted(type(answer) is Conflict for answer in answers) == [False] + [True] * (MANY - 1)
        assert await store.load(key, "shop") == tried[answers.index(None)]

    async def test_a_ref_names_one_session_of_an_application(self, store: Store, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        other = records.new(clock, ref=first.ref)
        with pytest.raises(Conflict):
            await store.save(other, over=None)
        assert await store.load(other.key, other.app) is None
        await store.save(msgspec.structs.replace(other, app="blog"), over=None)

    async def test_an_update_replaces_all_but_the_key(self, store: Store, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        clock.advance(seconds=5)
        second = records.newer(records.used(first, clock), principal="bob", epoch=1, node="n2", absolute_at=math.inf)
        await store.save(second, over=first)
        assert await store.load(first.key, first.app) == second

    async def test_the_second_of_two_updates_conflicts(self, store: Store, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        mine, theirs = records.newer(first, data=b"mine"), records.newer(first, data=b"theirs")
        await store.save(theirs, over=first)
        with pytest.raises(Conflict) as caught:
            await store.save(mine, over=first)
        assert caught.value.stored in (None, theirs)
        assert await store.load(first.key, first.app) == theirs

    async def test_of_many_updates_at_once_one_wins(self, store: Store, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        tried = [records.newer(first, data=b"%d" % number) for number in range(MANY)]
        answers = await outcomes(store.save(record, over=first) for record in tried)
        assert sorted(type(answer) is Conflict for answer in answers) == [False] + [True] * (MANY - 1)
        assert await store.load(first.key, first.app) == tried[answers.index(None)]

    async def test_no_increment_is_lost_when_each_is_tried_until_it_wins(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock, data=b"0")
        await store.save(record, over=None)

        async def increment() -> None:
            while True:
                stored = await store.load(record.key, record.app)
                assert stored is not None
                try:
                    return await store.save(records.newer(stored, data=b"%d" % (int(stored.data) + 1)), over=stored)
                except Conflict:
                    continue

        await asyncio.gather(*(increment() for _ in range(MANY)))
        last = await store.load(record.key, record.app)
        assert last is not None
        assert (last.data, last.version) == (b"%d" % MANY, 1 + MANY)

    async def test_nothing_is_saved_over_what_never_was(self, store: Store, clock: FakeClock) -> None:
        never = records.new(clock)
        with pytest.raises(Gone):
            await store.save(records.newer(never), over=never)
        assert await store.load(never.key, never.app) is None

    async def test_what_is_deleted_stays_deleted(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        assert await store.delete(record.key, record.app)
        assert await store.load(record.key, record.app) is None
        moved = records.renewed(record, clock)
        for late in (records.newer(record), moved, records.signed_in(record, clock)):
            with pytest.raises(Gone):
                await store.save(late, over=record)
            assert await store.load(late.key, late.app) is None
        assert not await store.touch(record)
        assert await store.load(record.key, record.app) is None

    async def test_another_session_at_the_same_key_is_not_replaced(self, store: Store, clock: FakeClock) -> None:
        ended = records.new(clock)
        await store.save(ended, over=None)
        await store.delete(ended.key, ended.app)
        other = records.new(clock, key=ended.key)
        await store.save(other, over=None)
        for late in (records.newer(ended), records.renewed(ended, clock)):
            with pytest.raises(Gone):
                await store.save(late, over=ended)
        assert not await store.touch(ended)
        assert await store.load(other.key, other.app) == other

    async def test_one_of_many_deletes_is_told_that_it_was_it(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        answers = await outcomes(store.delete(record.key, record.app) for _ in range(MANY))
        assert sorted(map(repr, answers)) == ["False"] * (MANY - 1) + ["True"]

    async def test_a_touch_carries_over_the_times_alone(self, store: Store, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        second = records.newer(first, data=b"new")
        await store.save(second, over=first)
        clock.advance(minutes=5)
        assert await store.touch(records.used(first, clock))  # from an older version, with its older data
        assert await store.load(first.key, first.app) == records.used(second, clock)

    async def test_a_touch_only_goes_forward(self, store: Store, clock: FakeClock) -> None:
        early = records.new(clock)
        clock.advance(minutes=5)
        late = records.used(early, clock)
        await store.save(late, over=None)
        assert await store.touch(early)
        assert await store.load(late.key, late.app) == late

    async def test_a_touch_never_goes_beyond_the_absolute_end(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock, absolute_at=clock() + 2000)
        await store.save(record, over=None)
        clock.advance(minutes=20)
        assert await store.touch(records.used(record, clock))
        stored = await store.load(record.key, record.app)
        assert stored is not None
        assert stored.expires_at == record.absolute_at

    async def test_a_touch_makes_no_conflict(self, store: Store, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        clock.advance(minutes=5)
        await store.touch(records.used(first, clock))
        await store.save(records.newer(first), over=first)

    async def test_applications_are_strangers(self, store: Store, clock: FakeClock) -> None:
        shop = records.new(clock)
        blog = msgspec.structs.replace(shop, app="blog", data=b"blog")
        await store.save(shop, over=None)
        assert await store.load(blog.key, "blog") is None
        assert not await store.touch(blog)
        assert not await store.delete(blog.key, "blog")
        with pytest.raises(Gone):
            await store.save(records.newer(blog), over=blog)
        await store.save(blog, over=None)
        assert await store.delete(shop.key, "shop")
        assert await self._both(store, shop, blog) == (None, blog)

    async def _both(self, store: Store, shop: Record, blog: Record) -> tuple[Record | None, Record | None]:
        return await store.load(shop.key, shop.app), await store.load(blog.key, blog.app)
