"""What this node writes is known to it at once; of what failed it keeps nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.store.near.fleet import Node

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached, OutcomeUnknown, StoreUnavailable
from sojourn.store.base import SWEEP_DELAY
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


async def kept(node: Node, record: Record) -> Record:
    """`record`, saved by this node."""
    await node.on()
    await node.save(record, over=None)
    assert node.has(record)
    return record


async def test_what_was_saved_is_served_without_a_load(node: Node, record: Record) -> None:
    await kept(node, record)
    newer = records.newer(record)
    await node.save(newer, over=record)
    assert node.has(newer)
    assert "load" not in node.line.calls


@pytest.mark.parametrize("move", [records.renewed, records.signed_in])
async def test_what_was_moved_is_served_at_its_new_key_alone(
    node: Node, record: Record, clock: FakeClock, move: Callable[..., Record]
) -> None:
    await kept(node, record)
    clock.advance(seconds=1)
    moved = move(record, clock)
    await node.save(moved, over=record)
    assert node.has(moved)
    assert not node.serves(record)
    await node.line.deliver()
    assert node.has(moved)


async def test_a_load_at_the_old_key_that_a_move_overtook_is_not_kept(
    node: Node, record: Record, clock: FakeClock
) -> None:
    await kept(node, record)
    gate = node.line.pause_after("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    await node.save(records.signed_in(record, clock), over=record)
    gate.opened.set()
    await loading
    assert not node.serves(record)


async def test_a_load_that_a_save_overtook_does_not_take_its_place(node: Node, record: Record) -> None:
    await kept(node, record)
    gate = node.line.pause_after("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    newer = records.newer(record)
    await node.save(newer, over=record)
    gate.opened.set()
    assert await loading == record
    assert node.has(newer)


async def test_a_load_that_a_save_overtook_is_not_kept_when_the_newer_one_had_to_go(node: Node, record: Record) -> None:
    await kept(node, record)
    gate = node.line.pause_after("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    newer = records.newer(record)
    await node.save(newer, over=record)
    node._copies.drop(newer)
    gate.opened.set()
    await loading
    assert not node.serves(record)


async def test_after_a_conflict_nothing_is_kept(shared: MemoryStore, node: Node, record: Record) -> None:
    await kept(node, record)
    theirs = records.newer(record, node="n2")
    await shared.save(theirs, over=record)
    with pytest.raises(Conflict):
        await node.save(records.newer(record), over=record)
    assert not node.serves(record)


async def test_what_is_gone_is_not_kept(shared: MemoryStore, node: Node, record: Record, clock: FakeClock) -> None:
    await kept(node, record)
    await shared.delete(record.key, record.app)
    late = records.renewed(record, clock)
    with pytest.raises(Gone):
        await node.save(late, over=record)
    assert not node.serves(record)
    assert not node.serves(late)


@pytest.mark.parametrize("name", ["save", "touch", "delete", "end", "admit"])
@pytest.mark.parametrize("after", [False, True])
async def test_what_failed_leaves_nothing_that_may_be_wrong(node: Node, record: Record, name: str, after: bool) -> None:
    await kept(node, record)
    node.line.fail(name, OutcomeUnknown("the answer was lost; ask again"), after=after)
    with pytest.raises(OutcomeUnknown):
        await ask(node, name, record)
    assert not node.serves(record)


@pytest.mark.parametrize("name", ["save", "touch", "delete", "end", "admit"])
async def test_what_was_cancelled_leaves_nothing_that_may_be_wrong(node: Node, record: Record, name: str) -> None:
    await kept(node, record)
    gate = node.line.pause_after(name)
    asking = asyncio.create_task(ask(node, name, record))
    await gate.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not node.serves(record)
    assert not node._copies._pending._asked


async def ask(node: Node, name: str, record: Record) -> object:
    if name == "save":
        await node.save(records.newer(record), over=record)
        return None
    if name == "admit":
        newer = records.newer(record, principal="alice")
        return await node.admit(newer, over=record, limit=1, when_full="refuse", lease=30)
    if name == "touch":
        return await node.touch(record)
    if name == "delete":
        return await node.delete(record.key, record.app)
    return await node.end(record.key, record.app, reason="signed-out", lease=30)


async def test_a_touch_carries_over_times_forward_only(node: Node, record: Record, clock: FakeClock) -> None:
    await kept(node, record)
    clock.advance(seconds=100)
    later = records.used(record, clock)
    await node.touch(later)
    assert node.has(later)
    await node.touch(record)
    assert node.has(later)
    clock.now = record.absolute_at - 1
    await node.touch(records.used(later, clock))
    served = node.recall(record.key, record.app, 1)
    assert served is not None
    assert served.expires_at == record.absolute_at
    assert served == await node.load(record.key, record.app)


async def test_a_load_that_a_touch_overtook_does_not_take_the_times_back(
    node: Node, record: Record, clock: FakeClock
) -> None:
    await kept(node, record)
    gate = node.line.pause_after("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    clock.advance(seconds=100)
    later = records.used(record, clock)
    await node.touch(later)
    gate.opened.set()
    await loading
    assert node.has(later)


async def test_what_can_be_touched_no_more_is_not_kept(shared: MemoryStore, node: Node, record: Record) -> None:
    await kept(node, record)
    await shared.delete(record.key, record.app)
    assert not await node.touch(record)
    assert not node.serves(record)


async def test_a_touch_of_what_is_not_kept_keeps_nothing(shared: MemoryStore, node: Node, record: Record) -> None:
    await node.on()
    await shared.save(record, over=None)
    assert await node.touch(record)
    assert not node.serves(record)


@pytest.mark.parametrize("by", ["delete", "end"])
@pytest.mark.parametrize("here", [True, False])
async def test_an_end_by_an_old_key_is_known_at_the_new_one_at_once(
    node: Node, record: Record, clock: FakeClock, by: str, here: bool
) -> None:
    await kept(node, record)
    clock.advance(seconds=1)
    moved = records.renewed(record, clock)
    await (node if here else node.line.inner).save(moved, over=record)
    await node.loads(moved)
    assert node.has(moved)
    assert await ask(node, by, record)
    assert not node.serves(moved)
    assert not node.serves(record)


async def test_what_ended_by_an_old_key_is_not_held_for_an_outage_at_the_new_one(
    node: Node, record: Record, clock: FakeClock
) -> None:
    node._outlive = True
    node._begin()
    await kept(node, record)
    node._copies.off()  # the watch broke; what was kept at the old key is held
    clock.advance(seconds=1)
    moved = records.renewed(record, clock)
    await node.line.inner.save(moved, over=record)
    node._copies._outlived[moved.key, moved.app] = moved
    assert await node.delete(record.key, record.app)
    assert node.kept(moved.key, moved.app) is None


@pytest.mark.parametrize("by", ["delete", "end"])
async def test_an_end_by_a_new_key_is_known_at_the_old_one_at_once(
    shared: MemoryStore, node: Node, record: Record, clock: FakeClock, by: str
) -> None:
    await kept(node, record)
    clock.advance(seconds=1)
    moved = records.renewed(record, clock, node="n2")
    await shared.save(moved, over=record)  # and nobody has told us yet
    await node.loads(moved)
    assert not node.serves(record)
    assert await ask(node, by, moved)
    assert not node.serves(record)


async def test_a_load_at_the_old_key_that_was_overtaken_by_one_at_the_new_key_is_not_kept(
    shared: MemoryStore, node: Node, record: Record, clock: FakeClock
) -> None:
    await node.on()
    await shared.save(record, over=None)
    gate = node.line.pause_after("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    clock.advance(seconds=1)
    moved = records.renewed(record, clock, node="n2")
    await shared.save(moved, over=record)
    await node.loads(moved)
    gate.opened.set()
    assert await loading == record
    assert not node.serves(record)
    assert node.has(moved)


async def test_a_save_that_was_stored_before_an_end_and_answered_after_it_is_not_kept(
    node: Node, record: Record, clock: FakeClock
) -> None:
    await kept(node, record)
    gate = node.line.pause_after("save")
    clock.advance(seconds=1)
    moved = records.renewed(record, clock)
    saving = asyncio.create_task(node.save(moved, over=record))
    await gate.reached.wait()
    assert await node.delete(record.key, record.app)
    gate.opened.set()
    await saving
    assert not node.serves(moved)


async def test_what_was_ended_elsewhere_is_not_kept(shared: MemoryStore, node: Node, record: Record) -> None:
    await kept(node, record)
    await shared.delete(record.key, record.app)
    assert not await node.delete(record.key, record.app)
    assert not node.serves(record)


async def test_what_is_claimed_in_a_sweep_is_not_kept(node: Node, record: Record, clock: FakeClock) -> None:
    await kept(node, record)
    clock.now = record.expires_at + SWEEP_DELAY
    [ending] = await node.claim(limit=10, lease=30)
    assert node.entries == 0
    await node.forget([ending.record])
    assert not node.serves(record)


async def test_who_is_evicted_is_refused_here_at_once(node: Node, clock: FakeClock) -> None:
    first = await kept(node, records.new(clock, principal="alice"))
    clock.advance(seconds=1)
    second = records.new(clock, principal="alice")
    assert await node.admit(second, over=None, limit=1, when_full="end-oldest", lease=30) == [first]
    assert node.has(second)
    assert not node.serves(first)


async def test_who_is_refused_keeps_what_he_had(node: Node, record: Record, clock: FakeClock) -> None:
    await node.on()
    await node.save(records.new(clock, principal="alice"), over=None)
    await node.save(record, over=None)
    signed_in = records.signed_in(record, clock)
    with pytest.raises(LimitReached):
        await node.admit(signed_in, over=record, limit=1, when_full="refuse", lease=30)
    assert not node.serves(signed_in)
    assert await node.loads(record) == record


async def test_a_store_that_is_away_is_told_of(node: Node, record: Record) -> None:
    await node.on()
    node.line.fail("load", StoreUnavailable("away; wait"))
    with pytest.raises(StoreUnavailable):
        await node.load(record.key, record.app)
    assert not node._copies._pending._asked
