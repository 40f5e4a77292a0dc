"""One load for all who ask at once, and none of them gets less than what is due to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.fixtures.watched import Gate
from tests.store.near.fleet import Node, soon

from sojourn.core.record import Record
from sojourn.errors import StoreUnavailable
from sojourn.store.memory import MemoryStore
from sojourn.store.near import Near
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


async def in_flight(node: Node, record: Record) -> tuple[Gate, asyncio.Task[Record | None]]:
    """A load of `record` that has read it, and is not back."""
    await node.on()
    gate = node.line.pause_after("load")
    first = asyncio.create_task(node.loads(record))
    await gate.reached.wait()
    return gate, first


async def joining(node: Node, record: Record) -> asyncio.Task[Record | None]:
    task = asyncio.create_task(node.loads(record))
    await soon()
    return task


async def test_many_who_ask_for_the_same_make_one_load(shared: MemoryStore, node: Node, record: Record) -> None:
    await shared.save(record, over=None)
    gate, first = await in_flight(node, record)
    others = [await joining(node, record) for _ in range(20)]
    gate.opened.set()
    assert await asyncio.gather(first, *others) == [record] * 21
    assert node.line.calls == ["load"]
    assert node.counts.joined == 20


async def test_who_is_cancelled_disturbs_nobody(shared: MemoryStore, node: Node, record: Record) -> None:
    await shared.save(record, over=None)
    gate, first = await in_flight(node, record)
    second, third = await joining(node, record), await joining(node, record)
    first.cancel()
    second.cancel()
    await soon()
    gate.opened.set()
    assert await third == record
    assert first.cancelled()
    assert node.line.calls == ["load"]
    assert node.has(record)


async def test_a_load_that_nobody_waits_for_any_more_ends_quietly(node: Node, record: Record) -> None:
    await node.on()
    gate = node.line.pause("load")
    node.line.fail("load", StoreUnavailable("away; wait"), after=True)
    task = asyncio.create_task(node.loads(record))
    await gate.reached.wait()
    task.cancel()
    await soon()
    gate.opened.set()
    await soon()
    assert not node._here()._under_way


async def test_an_error_reaches_all_and_the_next_asks_anew(shared: MemoryStore, node: Node, record: Record) -> None:
    await shared.save(record, over=None)
    await node.on()
    gate = node.line.pause("load")
    node.line.fail("load", StoreUnavailable("away; wait"), after=True)
    asking = [asyncio.create_task(node.loads(record)) for _ in range(3)]
    await gate.reached.wait()
    await soon()
    gate.opened.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    assert node.line.calls == ["load"]
    del node.line.after["load"]
    assert await node.loads(record) == record


async def test_a_flight_that_is_older_than_a_joiner_is_repeated_once(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await shared.save(record, over=None)
    gate, first = await in_flight(node, record)
    newer = records.newer(record, node="n2")
    await shared.save(newer, over=record)
    joiners = [await joining(node, newer) for _ in range(5)]
    gate.opened.set()
    assert await first == record
    assert await asyncio.gather(*joiners) == [newer] * 5
    assert node.line.calls == ["load", "load"]
    assert node.counts.stale == 0


async def test_nothing_that_was_brought_is_repeated_for_one_who_saw_something(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    gate, first = await in_flight(node, record)
    await shared.save(record, over=None)
    joiner = await joining(node, record)
    gate.opened.set()
    assert await first is None
    assert await joiner == record


async def test_below_the_version_is_final_when_it_was_asked_for_after_one_came(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await shared.save(record, over=None)
    gate, first = await in_flight(node, record)
    ahead = records.newer(record)  # a version that the store has lost, or that the visitor made up
    joiner = await joining(node, ahead)
    gate.opened.set()
    assert [await first, await joiner] == [record, record]
    assert node.line.calls == ["load", "load"]
    assert await node.loads(ahead) == record
    assert node.line.calls == ["load"] * 3
    assert node.counts.stale == 2


async def test_nobody_joins_a_flight_that_was_overtaken(shared: MemoryStore, node: Node, record: Record) -> None:
    await shared.save(record, over=None)
    gate, first = await in_flight(node, record)
    newer = records.newer(record, node="n2")
    await shared.save(newer, over=record)
    await node.line.deliver()
    assert await node.loads(record) == newer  # though an older one would do for this visitor
    gate.opened.set()
    assert await first == record
    assert node.has(newer)


@pytest.mark.parametrize("by", ["delete", "end"])
async def test_who_comes_after_an_end_on_this_node_gets_nothing_from_a_flight_before_it(
    shared: MemoryStore, node: Node, record: Record, by: str
) -> None:
    await shared.save(record, over=None)
    gate, first = await in_flight(node, record)
    if by == "delete":
        assert await node.delete(record.key, record.app)
    else:
        assert await node.end(record.key, record.app, reason="signed-out", lease=30) == record
    joiner = await joining(node, record)
    gate.opened.set()
    await first
    assert await joiner is None
    assert not node.serves(record)


async def test_an_end_by_an_old_key_holds_for_a_flight_to_the_new_one(
    shared: MemoryStore, node: Node, record: Record, clock: FakeClock
) -> None:
    await shared.save(record, over=None)
    await node.on()
    await node.loads(record)
    clock.advance(seconds=1)
    moved = records.renewed(record, clock, node="n2")
    await shared.save(moved, over=record)
    gate, first = await in_flight(node, moved)
    assert await node.delete(record.key, record.app)
    joiner = await joining(node, moved)
    gate.opened.set()
    await first
    assert await joiner is None
    assert not node.serves(moved)


async def test_misses_wait_where_too_many_are_under_way(
    shared: MemoryStore, make: Callable[..., Node], clock: FakeClock
) -> None:
    node = make(Near(loads=2))
    await node.on()
    kept = [records.new(clock) for _ in range(5)]
    for record in kept:
        await shared.save(record, over=None)
    opened, most, now = asyncio.Event(), 0, 0

    async def enter(*_: object) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await opened.wait()

    async def leave(*_: object) -> None:
        nonlocal now
        now -= 1

    node.line.before["load"], node.line.after["load"] = enter, leave
    asking = [asyncio.create_task(node.loads(record)) for record in kept]
    asking.append(asyncio.create_task(node.load(kept[0].key, kept[0].app)))
    await soon()
    assert now == 2
    opened.set()
    assert await asyncio.gather(*asking) == [*kept, kept[0]]
    assert most == 2


@pytest.mark.parametrize("missing", ["cut", "gap"])
async def test_nobody_joins_a_flight_since_which_something_may_have_been_missed(
    shared: MemoryStore, node: Node, record: Record, missing: str
) -> None:
    await shared.save(record, over=None)
    gate, first = await in_flight(node, record)
    await shared.delete(record.key, record.app)
    node.line.lose()
    if missing == "cut":
        await node.line.cut()
    else:
        await node.line.beat()  # its number is beyond what was told
    second = await joining(node, record)
    gate.opened.set()
    assert (await first, await second) == (record, None)
    assert not node.serves(record)


async def test_what_is_absent_is_not_kept_and_drives_nothing_out(
    shared: MemoryStore, make: Callable[..., Node], clock: FakeClock, record: Record
) -> None:
    node = make(Near(entries=1))
    await shared.save(record, over=None)
    await node.on()
    await node.loads(record)
    absent = records.new(clock)
    for _ in range(3):
        assert await node.loads(absent) is None
    assert node.line.calls == ["load"] * 4
    assert node.has(record)


async def test_what_came_while_one_was_on_the_way_is_not_loaded_again(
    shared: MemoryStore, node: Node, record: Record
) -> None:
    await shared.save(record, over=None)
    await node.on()
    await node.load(record.key, record.app)
    assert await node.loads(record) == record
    assert node.line.calls == ["load"]
    assert (node.counts.hits, node.counts.misses) == (0, 0)


async def test_a_load_always_asks_the_store(shared: MemoryStore, node: Node, record: Record) -> None:
    await shared.save(record, over=None)
    await node.on()
    for _ in range(3):
        await node.load(record.key, record.app)
    newer = records.newer(record)
    await shared.save(newer, over=record)
    assert await node.load(record.key, record.app) == newer
    assert node.line.calls == ["load"] * 4
