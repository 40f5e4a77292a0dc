"""What is told while questions are under way, in every order: nothing that is known to be old is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.store.near.fleet import Node, soon

from sojourn.core.record import Record
from sojourn.errors import OutcomeUnknown
from sojourn.store.base import Change
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


async def stored(shared: MemoryStore, node: Node, record: Record) -> Record:
    """`record`, in the store since before the watch was on."""
    await shared.save(record, over=None)
    await node.on()
    return record


async def newer_elsewhere(shared: MemoryStore, record: Record) -> Record:
    newer = records.newer(record, node="n2")
    await shared.save(newer, over=record)
    return newer


async def test_what_was_loaded_is_served_from_memory(shared: MemoryStore, node: Node, record: Record) -> None:
    await stored(shared, node, record)
    assert not node.has(record)
    assert await node.loads(record) == record
    assert node.has(record)
    assert (node.counts.hits, node.counts.misses, node.line.calls) == (1, 1, ["load"])


async def test_what_is_older_than_the_visitor_has_seen_is_not_served(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    newer = await newer_elsewhere(shared, record)
    assert node.recall(newer.key, newer.app, newer.version) is None
    assert await node.loads(newer) == newer
    assert node.has(newer)


async def test_a_change_elsewhere_drops_the_copy(shared: MemoryStore, node: Node, record: Record) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    await newer_elsewhere(shared, record)
    await node.line.deliver()
    assert not node.serves(record)
    assert node.counts.dropped == 1


async def test_a_load_that_was_overtaken_by_a_change_is_not_kept(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await stored(shared, node, record)
    gate = node.line.pause_after("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    newer = await newer_elsewhere(shared, record)
    await node.line.deliver()
    gate.opened.set()
    assert await loading == record
    assert not node.serves(record)
    assert await node.loads(newer) == newer
    assert node.has(newer)


async def test_a_load_that_has_seen_the_change_is_kept(shared: MemoryStore, node: Node, record: Record) -> None:
    await stored(shared, node, record)
    gate = node.line.pause("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    newer = await newer_elsewhere(shared, record)
    await node.line.deliver()
    gate.opened.set()
    assert await loading == newer
    assert node.has(newer)


async def test_a_load_of_what_has_ended_meanwhile_is_not_kept(shared: MemoryStore, node: Node, record: Record) -> None:
    await stored(shared, node, record)
    gate = node.line.pause_after("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    await shared.delete(record.key, record.app)
    await node.line.deliver()
    gate.opened.set()
    await loading
    assert not node.serves(record)


async def test_an_end_elsewhere_drops_the_copy(shared: MemoryStore, node: Node, record: Record) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    await shared.end(record.key, record.app, reason="revoked", lease=30)
    await node.line.deliver()
    assert not node.serves(record)
    assert await node.loads(record) is None


async def test_what_the_store_has_no_more_is_dropped_when_it_says_so(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    await shared.delete(record.key, record.app)  # and nobody has told us yet
    assert await node.load(record.key, record.app) is None
    assert not node.serves(record)


@pytest.mark.parametrize("move", [records.renewed, records.signed_in])
async def test_a_move_elsewhere_drops_the_copy_at_the_old_key(
    shared: MemoryStore, node: Node, record: Record, clock: FakeClock, move: Callable[..., Record]
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    clock.advance(seconds=1)
    moved = move(record, clock, node="n2")
    await shared.save(moved, over=record)
    assert await node.loads(moved) == moved
    await node.line.deliver(1)
    assert not node.serves(record)
    assert node.has(moved)
    await node.line.deliver(1)
    assert node.has(moved)


async def test_a_save_that_was_overtaken_is_not_kept(shared: MemoryStore, node: Node, record: Record) -> None:
    await stored(shared, node, record)
    gate = node.line.pause_after("save")
    second = records.newer(record)
    saving = asyncio.create_task(node.save(second, over=record))
    await gate.reached.wait()
    third = await newer_elsewhere(shared, second)
    await node.line.deliver()
    gate.opened.set()
    await saving
    assert not node.serves(record)
    assert await node.loads(third) == third


async def test_an_echo_of_a_save_leaves_the_copy_whether_it_comes_before_or_after_the_answer(
    node: Node, record: Record
) -> None:
    await node.on()
    gate = node.line.pause_after("save")
    saving = asyncio.create_task(node.save(record, over=None))
    await gate.reached.wait()
    await node.line.deliver()
    gate.opened.set()
    await saving
    assert node.has(record)
    second = records.newer(record)
    await node.save(second, over=record)
    await node.line.deliver()
    assert node.has(second)
    assert node.counts.dropped == 0


async def test_an_echo_of_an_older_save_leaves_the_newer_copy(node: Node, record: Record) -> None:
    await node.on()
    await node.save(record, over=None)
    second = records.newer(record)
    await node.save(second, over=record)
    await node.line.deliver(1)
    assert node.has(second)


async def test_a_save_whose_answer_was_lost_is_heard_of_though_it_is_our_own(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await stored(shared, node, record)
    node.line.fail("save", OutcomeUnknown("the answer was lost; ask again"))
    second = records.newer(record)
    with pytest.raises(OutcomeUnknown):
        await node.save(second, over=record)
    assert await node.loads(record) == record
    await shared.save(second, over=record)  # it was on its way all the time
    await node.line.deliver()
    assert not node.serves(record)


async def test_what_is_told_twice_does_no_harm(shared: MemoryStore, node: Node, record: Record) -> None:
    await stored(shared, node, record)
    await newer_elsewhere(shared, record)
    changes = await node.line.deliver()
    other = records.new(node._clock)
    await node.save(other, over=None)
    await node.line.deliver()
    await node.line.tell(*changes)
    assert node.has(other)
    assert node.counts.breaks == 0


async def test_a_gap_in_the_numbers_empties_the_cache(shared: MemoryStore, node: Node, record: Record) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    gate = node.line.pause_after("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    await newer_elsewhere(shared, record)
    node.line.lose()
    other = records.new(node._clock)
    await shared.save(other, over=None)
    await node.line.deliver()
    assert not node.serves(record)
    gate.opened.set()
    await loading
    assert not node.serves(record)
    assert node.healthy
    await node.loads(other)
    assert node.has(other)


async def test_a_beat_that_knows_of_more_than_was_told_empties_the_cache(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    await newer_elsewhere(shared, record)
    node.line.lose()
    await node.line.beat()
    assert not node.serves(record)


async def test_with_a_broken_watch_nothing_is_served_or_kept_until_a_new_one_has_beaten(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    gate = node.line.pause("watch")
    await node.line.cut()
    await gate.reached.wait()
    assert not node.healthy
    assert not node.serves(record)
    assert await node.loads(record) == record
    await node.save(second := records.newer(record), over=record)
    assert not node.serves(record)
    assert node.entries == 0
    gate.opened.set()
    await node.on()
    assert node.entries == 0
    await node.loads(second)
    assert node.has(second)
    assert (node.counts.breaks, node.line.watched) == (1, 2)


async def test_what_was_asked_before_the_watch_was_on_is_not_kept(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await shared.save(record, over=None)
    first_beat, gate = node.line.pause("watch"), node.line.pause_after("load")
    loading = asyncio.create_task(node.load(record.key, record.app))
    await gate.reached.wait()
    await newer_elsewhere(shared, record)
    first_beat.opened.set()
    await node.on()
    gate.opened.set()
    assert await loading == record
    assert not node.serves(record)


async def test_what_was_asked_in_the_time_of_an_earlier_watch_is_not_kept(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await stored(shared, node, record)
    load, save = node.line.pause_after("load"), node.line.pause_after("save")
    other = records.new(node._clock)
    asking = [
        asyncio.create_task(node.load(record.key, record.app)),
        asyncio.create_task(node.save(other, over=None)),
    ]
    await load.reached.wait()
    await save.reached.wait()
    await node.line.cut()
    await newer_elsewhere(shared, record)
    await newer_elsewhere(shared, other)
    await node.on()
    load.opened.set()
    save.opened.set()
    await asyncio.gather(*asking)
    assert node.entries == 0


async def test_changes_before_the_first_beat_count_for_nothing(node: Node, record: Record) -> None:
    gate = node.line.pause("watch")
    await node.open()
    await gate.reached.wait()
    assert node.line._told is not None
    node.line._told.put_nowait(Change(number=7, key="k", app="shop", version=1, node="n2", ended=False))
    gate.opened.set()
    await node.on()
    await node.save(record, over=None)
    assert node.has(record)


async def test_a_silent_watch_serves_nothing_until_it_beats_again(
    shared: MemoryStore, node: Node, record: Record, monotonic: FakeClock
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    monotonic.advance(seconds=2.5)
    assert node.has(record)
    monotonic.advance(seconds=0.5)
    assert not node.healthy
    assert not node.serves(record)
    await node.line.beat()
    assert node.has(record)


async def test_changes_alone_are_no_sign_of_life(
    shared: MemoryStore, node: Node, record: Record, monotonic: FakeClock
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    monotonic.advance(seconds=3)
    await shared.save(records.new(node._clock), over=None)
    await node.line.deliver()
    assert not node.serves(record)


async def test_a_beat_from_before_the_process_was_stopped_proves_nothing(
    shared: MemoryStore, node: Node, record: Record, monotonic: FakeClock
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    answer = node.line.sign_of_life()
    monotonic.advance(seconds=60)  # stopped, with the answer on its way
    await newer_elsewhere(shared, record)
    await node.line.tell(answer)  # and what tells of the change still behind it
    assert not node.healthy
    assert not node.serves(record)
    await node.line.beat()
    assert node.healthy
    assert not node.serves(record)


async def test_a_slow_beat_proves_nothing_of_the_time_since_the_one_before(
    shared: MemoryStore, node: Node, record: Record, monotonic: FakeClock
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    answer = node.line.sign_of_life()
    monotonic.advance(seconds=2.5)
    await node.line.tell(answer)
    assert node.has(record)
    monotonic.advance(seconds=0.5)
    assert not node.serves(record)


async def test_a_copy_that_seems_expired_is_a_miss_and_no_end(
    shared: MemoryStore, node: Node, record: Record, clock: FakeClock
) -> None:
    await stored(shared, node, record)
    await node.loads(record)
    clock.advance(seconds=1000)
    used = records.used(record, clock)
    await shared.touch(used)  # nobody is told of that
    clock.now = record.expires_at
    assert not node.serves(record)
    assert await node.loads(record) == used
    assert node.has(used)


async def test_what_was_led_to_is_not_kept(shared: MemoryStore, node: Node, record: Record, clock: FakeClock) -> None:
    await stored(shared, node, record)
    clock.advance(seconds=1)
    moved = records.renewed(record, clock)
    await shared.save(moved, over=record)
    assert await node.load(record.key, record.app) == moved
    await soon()
    assert not node.serves(record)
    assert not node.serves(moved)
