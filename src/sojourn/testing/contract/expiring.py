"""Expiry: absent at its time, and not yet lost for a request that began before."""

from __future__ import annotations

import pytest

from sojourn.errors import Conflict
from sojourn.store.base import Lists, Query, Store
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["ExpiringContract"]


class ExpiringContract(Ground):
    """The promises about what has expired and was not swept."""

    async def test_a_record_is_absent_from_the_instant_at_which_it_expires(
        self, store: Store, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        clock.now = record.expires_at - 0.25
        assert await store.load(record.key, record.app) == record
        clock.now = record.expires_at
        assert await store.load(record.key, record.app) is None

    async def test_an_expired_record_is_absent_over_its_old_key_as_well(self, store: Store, clock: FakeClock) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        clock.advance(seconds=1)
        new = records.renewed(old, clock)
        await store.save(new, over=old)
        clock.now = new.expires_at
        assert await store.load(old.key, old.app) is None

    async def test_a_search_does_not_find_what_has_expired(self, store: Store, lists: Lists, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        clock.now = record.expires_at - 0.25
        assert await lists.find(Query()) == [record]
        clock.now = record.expires_at
        assert await lists.find(Query()) == []

    async def test_a_request_that_began_in_time_can_save(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        clock.now = record.expires_at
        saved = records.newer(records.used(record, clock))
        await store.save(saved, over=record)
        assert await store.load(record.key, record.app) == saved

    async def test_a_request_that_began_in_time_can_move(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        clock.now = record.expires_at
        moved = records.signed_in(records.used(record, clock), clock)
        await store.save(moved, over=record)
        assert await store.load(moved.key, moved.app) == moved

    async def test_a_request_that_began_in_time_can_touch(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        clock.now = record.expires_at
        assert await store.touch(records.used(record, clock))
        assert await store.load(record.key, record.app) == records.used(record, clock)

    async def test_a_request_that_began_in_time_can_delete(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        clock.now = record.expires_at
        assert await store.delete(record.key, record.app)
        assert not await store.delete(record.key, record.app)

    async def test_what_has_expired_is_in_nobodys_way(self, store: Store, clock: FakeClock) -> None:
        expired = records.new(clock)
        await store.save(expired, over=None)
        clock.now = expired.expires_at
        same_key, same_ref = records.new(clock, key=expired.key), records.new(clock, ref=expired.ref)
        await store.save(same_key, over=None)
        await store.save(same_ref, over=None)
        assert await store.load(same_key.key, same_key.app) == same_key
        assert await store.load(same_ref.key, same_ref.app) == same_ref

    async def test_a_create_that_conflicts_leaves_even_what_has_expired(self, store: Store, clock: FakeClock) -> None:
        expired = records.new(clock)
        await store.save(expired, over=None)
        clock.now = expired.expires_at
        living = records.new(clock)
        await store.save(living, over=None)
        with pytest.raises(Conflict):
            await store.save(records.new(clock, key=expired.key, ref=living.ref), over=None)
        with pytest.raises(Conflict):
            await store.save(records.new(clock, key=living.key, ref=expired.ref), over=None)
        assert await store.touch(records.used(expired, clock))
        assert await store.load(expired.key, expired.app) == records.used(expired, clock)
