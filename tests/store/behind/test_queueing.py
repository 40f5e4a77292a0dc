"""What is queued, and what is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.fixtures.watched import WatchedStore
from tests.store.behind.changed import changed, created, held, renewed, signed_in, with_attributes

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, SettingError, StoreUnavailable
from sojourn.store.base import SWEEP_DELAY, Query, Recalls, power
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


async def test_a_change_of_data_does_not_ask_the_store(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first = await created(node, clock, cart=1)
    second = await changed(node, first, cart=2)
    assert await node.load(first.key, first.app) == second
    assert inner.counts == {"save": 1}
    assert await memory.load(first.key, first.app) == first
    assert (node.depth, node.counts.queued) == (1, 1)


async def test_of_many_changes_the_newest_is_saved_once(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    record = await created(node, clock)
    for number in range(5):
        record = await changed(node, record, cart=number)
    await node.flush()
    assert inner.counts == {"save": 2}
    stored = await memory.load(record.key, record.app)
    assert stored == record
    assert stored.version == 6
    assert (node.depth, node.counts.queued, node.counts.flushed) == (0, 5, 1)


async def test_of_two_changes_over_one_version_the_second_conflicts_with_the_queued_one(
    node: BehindStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    mine = await changed(node, first, a=1)
    with pytest.raises(Conflict) as caught:
        await changed(node, first, b=1)
    assert caught.value.stored == mine


@pytest.mark.parametrize("fields", [{"principal": "bob"}, {"epoch": 1}, {"principal": "bob", "epoch": 1}], ids=str)
async def test_who_it_belongs_to_is_stored_at_once(
    node: BehindStore, memory: MemoryStore, clock: FakeClock, fields: dict[str, Any]
) -> None:
    first = await created(node, clock)
    second = await changed(node, first, cart=1)
    third = records.newer(second, data=second.data, **fields)
    await node.save(third, over=second)
    assert await memory.load(first.key, first.app) == third
    assert node.depth == 0


async def test_an_end_that_comes_nearer_is_stored_at_once(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first = await created(node, clock, cart=1)
    second = await changed(node, first, cart=2)
    third = records.newer(second, data=second.data, expires_at=clock() + 60)
    await node.save(third, over=second)
    assert await memory.load(first.key, first.app) == third
    assert node.depth == 0
    later = records.newer(third, data=third.data, expires_at=clock() + 90)
    await node.save(later, over=third)
    assert node.depth == 1


async def test_the_first_use_of_a_renewed_key_is_stored_at_once(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    moved = await renewed(node, await created(node, clock), clock)
    clock.advance(seconds=5)
    used = with_attributes(records.used(moved, clock), cart=1)
    await node.save(used, over=moved)
    assert await memory.load(moved.key, moved.app) == used
    later = with_attributes(records.used(used, clock), cart=2)
    await node.save(later, over=used)
    assert node.depth == 1


async def test_the_first_use_is_told_to_the_store_though_a_change_is_queued(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    old = await created(node, clock)
    moved = await renewed(node, old, clock)
    queued = with_attributes(moved, cart=1)  # by a request that came with the old key
    await node.save(queued, over=moved)
    assert node.depth == 1
    clock.advance(seconds=5)
    assert await node.touch(records.used(queued, clock))
    clock.advance(seconds=60)
    assert await memory.load(old.key, old.app) is None


async def test_a_touch_goes_with_what_is_queued(node: BehindStore, inner: WatchedStore, clock: FakeClock) -> None:
    first = await created(node, clock)
    second = await changed(node, first, cart=1)
    clock.advance(minutes=5)
    assert await node.touch(records.used(first, clock))
    assert await node.load(first.key, first.app) == records.used(second, clock)
    await node.flush()
    assert inner.counts == {"save": 2}
    assert await node.load(first.key, first.app) == records.used(second, clock)


async def test_when_the_queue_is_full_a_change_is_stored_at_once(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    node = BehindStore(inner, Behind(interval=3600, queue_size=2))
    made = [await created(node, clock) for _ in range(3)]
    after = [await changed(node, record, cart=1) for record in made]
    assert [await memory.load(record.key, record.app) for record in made] == [*made[:2], after[2]]
    assert (node.depth, node.counts.full) == (2, 1)
    again = await changed(node, after[0], cart=2)  # has its place already
    assert await memory.load(again.key, again.app) == made[0]


async def test_when_the_queue_is_full_and_the_store_is_away_the_visitor_is_told(
    inner: WatchedStore, clock: FakeClock
) -> None:
    node = BehindStore(inner, Behind(interval=3600, queue_size=1))
    first, second = await created(node, clock), await created(node, clock)
    inner.break_down()
    await changed(node, first, cart=1)
    with pytest.raises(StoreUnavailable):
        await changed(node, second, cart=1)


async def test_a_change_over_what_is_not_known_is_stored_at_once(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    never, elsewhere = records.new(clock), await created(memory, clock)
    with pytest.raises(Gone):
        await changed(node, never, cart=1)
    after = await changed(node, elsewhere, cart=1)
    assert await memory.load(after.key, after.app) == after
    await changed(node, after, cart=2)
    assert node.depth == 1


async def test_an_end_takes_what_is_queued_along(
    node: BehindStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock
) -> None:
    first = await created(node, clock, cart=1)
    second = await changed(node, first, cart=2)
    ended = await node.end(first.key, first.app, reason="signed-out", lease=30)
    assert ended == second
    assert await node.load(first.key, first.app) is None
    with pytest.raises(Gone):
        await changed(node, second, cart=3)
    await node.flush()
    await node.forget([ended])
    assert not memory._memory._records
    assert (dropped, node.depth) == ([], 0)


async def test_a_session_that_is_ended_over_its_old_key_takes_what_is_queued_along(
    node: BehindStore, clock: FakeClock
) -> None:
    old = await created(node, clock)
    new = await renewed(node, old, clock)
    queued = await changed(node, new, cart=1)
    assert await node.end(old.key, old.app, reason="signed-out", lease=30) == queued
    assert await node.load(new.key, new.app) is None
    assert node.depth == 0


async def test_a_deleted_session_is_not_queued_any_more(node: BehindStore, clock: FakeClock) -> None:
    first = await created(node, clock)
    queued = await changed(node, first, cart=1)
    assert await node.delete(first.key, first.app)
    assert await node.load(first.key, first.app) is None
    with pytest.raises(Gone):
        await changed(node, queued, cart=2)
    assert node.depth == 0


async def test_a_session_deleted_over_a_key_that_is_not_known_here_is_not_queued_any_more(
    node: BehindStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock
) -> None:
    old = await created(memory, clock)
    new = await renewed(memory, old, clock)
    loaded = await node.load(new.key, new.app)
    assert loaded is not None
    queued = await changed(node, loaded, cart=1)
    assert await node.delete(old.key, old.app)
    assert await node.load(new.key, new.app) is None
    assert dropped == [queued]
    with pytest.raises(Gone):
        await changed(node, queued, cart=2)


@pytest.mark.parametrize("move", [renewed, signed_in])
async def test_a_move_takes_what_is_queued_along(
    node: BehindStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock, move: Any
) -> None:
    first = await created(node, clock, cart=1)
    queued = await changed(node, first, cart=2)
    moved = await move(node, queued, clock)
    stored = await memory.load(moved.key, moved.app)
    assert stored == moved
    assert (held(stored), moved.version) == ({"cart": 2}, 3)
    assert (dropped, node.depth) == ([], 0)
    assert await node.load(first.key, first.app) == (moved if move is renewed else None)


async def test_a_request_of_before_the_sign_in_meets_neither_what_is_stored_nor_what_is_queued(
    node: BehindStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    moved = await signed_in(node, first, clock)
    await changed(node, moved, secret=1)
    with pytest.raises(Gone):
        await changed(node, first, cart=1)
    with pytest.raises(Gone):
        await signed_in(node, first, clock)


async def test_whoever_is_evicted_is_announced_with_what_is_queued(node: BehindStore, clock: FakeClock) -> None:
    first = records.new(clock, principal="alice")
    await node.admit(first, over=None, limit=1, when_full="end-oldest", lease=30)
    queued = await changed(node, first, cart=1)
    second = records.new(clock, principal="alice")
    evicted = await node.admit(second, over=None, limit=1, when_full="end-oldest", lease=30)
    assert evicted == [queued]
    assert await node.load(first.key, first.app) is None
    assert node.depth == 0


async def test_a_session_in_use_is_not_swept_by_its_own_node(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    clock.now = first.expires_at - 1
    queued = with_attributes(records.used(first, clock), cart=1)
    await node.save(queued, over=first)
    clock.now = first.expires_at + SWEEP_DELAY
    assert await node.load(first.key, first.app) == queued
    assert await node.claim(limit=10, lease=30) == []
    assert await memory.load(first.key, first.app) == queued


async def test_a_session_in_use_is_not_discarded_by_its_own_node(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first, idle = await created(node, clock), await created(node, clock)
    clock.now = first.expires_at - 1
    queued = with_attributes(records.used(first, clock), cart=1)
    await node.save(queued, over=first)
    clock.now = idle.expires_at + SWEEP_DELAY
    assert await node.discard(limit=10) == 1
    assert await memory.load(first.key, first.app) == queued


async def test_a_search_finds_what_is_queued(node: BehindStore, clock: FakeClock) -> None:
    made = sorted([await created(node, clock) for _ in range(7)], key=lambda record: record.ref)
    clock.advance(minutes=10)
    after = list(made)
    for number in (0, 3, 6):
        after[number] = msgspec.structs.replace(with_attributes(records.used(made[number], clock), cart=1), node="n2")
        await node.save(after[number], over=made[number])
    assert await node.find(Query()) == after
    pages = [await node.find(Query(), limit=3, after=after[last].ref if last >= 0 else "") for last in (-1, 2, 5)]
    assert [record for page in pages for record in page] == after
    assert await node.find(Query(node="n2"), limit=2) == [after[0], after[3]]
    assert await node.find(Query(node="n1", accessed_before=clock() - 1), limit=2) == [after[1], after[2]]
    assert await node.find(Query(ref=after[3].ref, app="shop")) == [after[3]]
    assert await node.find(Query(ref=after[3].ref, node="n1", app="shop")) == []


async def test_a_page_of_nothing_is_empty(node: BehindStore, clock: FakeClock) -> None:
    assert await node.find(Query(), limit=0) == []
    await changed(node, await created(node, clock), cart=1)
    assert await node.find(Query(), limit=0) == []


async def test_while_one_has_a_session_to_itself_every_change_is_stored_at_once(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    queued = await changed(node, first, cart=1)
    assert await node.hold(first, "me", seconds=30)
    assert await memory.load(first.key, first.app) == queued
    assert not await node.hold(first, "you", seconds=30)
    after = await changed(node, queued, cart=2)
    assert await memory.load(first.key, first.app) == after
    await node.release(first, "me")
    await changed(node, after, cart=3)
    assert node.depth == 1


async def test_who_lets_the_right_run_out_still_learns_what_others_stored(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    assert await node.hold(first, "late", seconds=0)
    assert await node.hold(first, "next", seconds=30)
    await node.release(first, "next")
    after = await changed(memory, first, cart=1)  # another node
    with pytest.raises(Conflict) as caught:
        await changed(node, first, cart=2)
    assert caught.value.stored == after
    await node.release(first, "late")
    await changed(node, after, cart=3)
    assert await memory.load(first.key, first.app) == after


async def test_who_lost_the_right_to_another_node_still_learns_what_that_stored(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    """The store forgot who had it, as after a fail-over: the one who would prolong it is refused, and goes on."""
    first = await created(node, clock)
    assert await node.hold(first, "late", seconds=30)
    await memory.release(first, "late")
    assert await memory.hold(first, "next", seconds=30)
    assert not await node.hold(first, "late", seconds=30)
    after = await changed(memory, first, cart=1)
    with pytest.raises(Conflict) as caught:
        await changed(node, first, cart=2)
    assert caught.value.stored == after
    await node.release(first, "late")
    await changed(node, after, cart=3)
    assert (await memory.load(first.key, first.app), node.depth) == (after, 1)


async def test_it_has_copies_at_hand_only_where_its_store_has(node: BehindStore) -> None:
    assert power(node, Recalls) is None


async def test_the_oldest_change_tells_its_age(node: BehindStore, clock: FakeClock) -> None:
    assert node.oldest == 0
    await changed(node, await created(node, clock), cart=1)
    assert 0 < node.oldest < 60


@pytest.mark.parametrize(
    "settings",
    [
        {"interval": 0},
        {"interval": float("nan")},
        {"interval": float("inf")},
        {"interval": "5"},
        {"drain": -1},
        {"queue_size": 0},
        {"queue_size": 1.5},
        {"max_items": True},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        Behind(**settings)
