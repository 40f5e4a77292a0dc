"""Lists: sessions are found by what is known of them."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn.store.base import Lists, Query, Store
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["ListingContract"]


class ListingContract(Ground):
    """The promises of `Lists`."""

    async def test_a_search_in_a_fresh_store_finds_nothing(self, lists: Lists) -> None:
        assert await lists.find(Query()) == []

    @pytest.mark.parametrize(
        ("wanted", "refs"),
        [
            ({}, ["a", "b", "c", "d"]),
            ({"app": "shop"}, ["a", "b", "d"]),
            ({"app": ""}, []),
            ({"ref": "b"}, ["b"]),
            ({"principal": "alice"}, ["a", "c"]),
            ({"principal": ""}, ["d"]),
            ({"node": "n2"}, ["b", "c"]),
            ({"accessed_before": 1_800_000_010.0}, ["a"]),
            ({"accessed_before": 1_800_000_010.25}, ["a", "b"]),
            ({"principal": "alice", "node": "n2"}, ["c"]),
            ({"app": "shop", "principal": "alice", "ref": "c"}, []),
        ],
        ids=repr,
    )
    async def test_all_that_fit_every_field_are_found_in_the_order_of_their_refs(
        self, store: Store, lists: Lists, clock: FakeClock, wanted: dict[str, Any], refs: list[str]
    ) -> None:
        clock.now = 1_800_000_000.0
        kept = [
            records.new(clock, ref="a", principal="alice"),
            records.new(clock, ref="b", node="n2", accessed_at=clock() + 10),
            records.new(clock, ref="c", principal="alice", node="n2", app="blog", accessed_at=clock() + 20),
            records.new(clock, ref="d", principal="", accessed_at=clock() + 30),
        ]
        for record in reversed(kept):
            await store.save(record, over=None)
        assert await lists.find(Query(**wanted)) == [record for record in kept if record.ref in refs]

    async def test_a_search_shows_what_is_stored_now(self, store: Store, lists: Lists, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        clock.advance(seconds=1)
        second = records.signed_in(first, clock)
        await store.save(second, over=first)
        assert await lists.find(Query()) == [second]
        assert await lists.find(Query(principal="alice")) == [second]
        await store.delete(second.key, second.app)
        assert await lists.find(Query()) == []

    async def test_pages_follow_each_other_without_a_gap(self, store: Store, lists: Lists, clock: FakeClock) -> None:
        kept = sorted((records.new(clock) for _ in range(25)), key=lambda record: record.ref)
        for record in kept:
            await store.save(record, over=None)
        found, after = [], ""
        while page := await lists.find(Query(), limit=10, after=after):
            assert len(page) <= 10
            found += page
            after = page[-1].ref
        assert found == kept

    async def test_no_page_parts_sessions_that_share_a_ref(self, store: Store, lists: Lists, clock: FakeClock) -> None:
        kept = [records.new(clock, ref=ref, app=app) for ref in "abc" for app in ("blog", "shop", "wiki")]
        for record in reversed(kept):
            await store.save(record, over=None)
        found, after = [], ""
        while page := await lists.find(Query(), limit=2, after=after):
            found += page
            after = page[-1].ref
        assert found == kept
