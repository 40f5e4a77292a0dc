"""Recalls: the store answers at once, and never with what is too old."""

from __future__ import annotations

import pytest

from sojourn.store.base import Recalls, Store
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["RecallingContract"]


class RecallingContract(Ground):
    """The promises of `Recalls`. That it has to be asked is an answer, too: so these say what it never answers."""

    async def test_what_is_recalled_is_what_is_stored(self, store: Store, recalls: Recalls, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        assert await recalls.fetch(first.key, first.app, 1) == first
        assert recalls.recall(first.key, first.app, 1) in (first, None)
        second = records.newer(first)
        await store.save(second, over=first)
        for version in (1, 2):
            assert recalls.recall(first.key, first.app, version) in (second, None)
            assert await recalls.fetch(first.key, first.app, version) == second

    async def test_nothing_older_than_the_visitor_has_seen_is_recalled(
        self, store: Store, recalls: Recalls, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        await recalls.fetch(record.key, record.app, 1)
        assert recalls.recall(record.key, record.app, 2) is None
        assert await recalls.fetch(record.key, record.app, 2) == record  # what is stored is final

    @pytest.mark.parametrize("how", ["ended", "expired", "never"])
    async def test_what_is_not_there_is_not_recalled(
        self, store: Store, recalls: Recalls, clock: FakeClock, how: str
    ) -> None:
        record = records.new(clock)
        if how != "never":
            await store.save(record, over=None)
            await recalls.fetch(record.key, record.app, 1)
        if how == "ended":
            await store.delete(record.key, record.app)
        clock.now = record.expires_at if how == "expired" else clock.now
        assert recalls.recall(record.key, record.app, 1) is None
        assert await recalls.fetch(record.key, record.app, 1) is None

    async def test_what_is_recalled_for_one_application_is_not_another_s(
        self, store: Store, recalls: Recalls, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        await recalls.fetch(record.key, record.app, 1)
        assert recalls.recall(record.key, "blog", 1) is None

    async def test_the_key_before_a_sign_in_recalls_nothing(
        self, store: Store, recalls: Recalls, clock: FakeClock
    ) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        await recalls.fetch(old.key, old.app, 1)
        clock.advance(seconds=1)
        new = records.signed_in(old, clock)
        await store.save(new, over=old)
        assert recalls.recall(old.key, old.app, 1) is None
        assert recalls.recall(new.key, new.app, new.version) in (new, None)
