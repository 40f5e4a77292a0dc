"""When what is queued is saved: by the interval, at a stop, and with a store that is away meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest
from tests.fixtures.watched import Gate, WatchedStore
from tests.store.behind.changed import changed, created, held

from sojourn.core.record import Record
from sojourn.errors import StoreUnavailable
from sojourn.store.base import Query
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock

PATIENCE = 10  # seconds of real time until something that does not come counts as missed
SOON = 0.01


class Crowded:
    """The way to a store, that counts how many saves are under way at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def enter(self, *_: Any) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)

    async def leave(self, *_: Any) -> None:
        self.now -= 1


async def emptied(node: BehindStore) -> None:
    async with asyncio.timeout(PATIENCE):
        while node.depth:  # noqa: ASYNC110 - nobody tells when a queue is empty
            await asyncio.sleep(SOON)


async def test_what_is_queued_is_saved_when_the_interval_is_over(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    node = BehindStore(inner, Behind(interval=SOON))
    record = await created(node, clock)
    for number in range(3):  # the task ends with the queue, and comes back
        record = await changed(node, record, cart=number)
        await emptied(node)
        assert await memory.load(record.key, record.app) == record


async def test_no_attempt_is_larger_than_it_may_be_and_one_follows_the_other(
    inner: WatchedStore, clock: FakeClock
) -> None:
    node = BehindStore(inner, Behind(interval=3600, max_items=3))
    made = [await created(node, clock) for _ in range(10)]
    for record in made:
        await changed(node, record, cart=1)
    crowded = Crowded()
    inner.before["save"], inner.after["save"] = crowded.enter, crowded.leave
    await node.flush()
    assert (node.depth, crowded.most) == (0, 3)


async def test_the_oldest_are_saved_first(inner: WatchedStore, memory: MemoryStore, clock: FakeClock) -> None:
    node = BehindStore(inner, Behind(interval=3600, max_items=1))
    made = [await created(node, clock) for _ in range(3)]
    after = [await changed(node, record, cart=1) for record in made]
    after[0] = await changed(node, after[0], cart=2)  # keeps its place
    saved: list[str] = []

    async def note(record: Record, *_: Any) -> None:
        saved.append(record.ref)

    inner.before["save"] = note
    await node.flush()
    assert saved == [record.ref for record in after]


async def test_a_full_queue_is_saved_before_the_interval_is_over(inner: WatchedStore, clock: FakeClock) -> None:
    node = BehindStore(inner, Behind(interval=3600, queue_size=2))
    made = [await created(node, clock) for _ in range(3)]
    for record in made:
        await changed(node, record, cart=1)
    await emptied(node)
    assert node.counts.full == 1


async def test_a_store_that_comes_back_gets_all_that_waited(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    node = BehindStore(inner, Behind(interval=SOON))
    second = await changed(node, await created(node, clock), cart=1)
    failed = asyncio.Event()

    async def away(*_: Any) -> None:
        failed.set()
        raise StoreUnavailable("gone; start it")

    inner.before["save"] = away
    async with asyncio.timeout(PATIENCE):
        await failed.wait()
    inner.before.clear()
    await emptied(node)
    assert await memory.load(second.key, second.app) == second
    assert "1 changed sessions wait to be saved: gone; start it" in caplog.messages
    assert second.key not in caplog.text


async def test_whatever_a_driver_raises_what_is_queued_is_tried_again(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    node = BehindStore(inner, Behind(interval=SOON))
    second = await changed(node, await created(node, clock), cart=1)

    async def breaks(*_: Any) -> None:
        inner.before.clear()
        raise ZeroDivisionError

    inner.before["save"] = breaks
    await emptied(node)
    assert await memory.load(second.key, second.app) == second
    assert len(caplog.messages) == 1


async def test_a_stop_saves_what_is_queued(inner: WatchedStore, memory: MemoryStore, clock: FakeClock) -> None:
    node = BehindStore(inner, Behind(interval=3600, max_items=7))
    after = [await changed(node, await created(node, clock), cart=number) for number in range(50)]
    await node.close()
    assert [await memory.load(record.key, record.app) for record in after] == after
    assert inner.calls[-1] == "close"
    assert len(asyncio.all_tasks()) == 1  # nothing is left that would wait for the interval


async def test_a_change_during_a_stop_is_saved_at_once(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    node = BehindStore(inner, Behind(interval=3600))
    first, other = await created(node, clock), await created(node, clock)
    await changed(node, first, cart=1)
    gate = inner.pause("save")
    closing = asyncio.create_task(node.close())
    await gate.reached.wait()
    late = await changed(node, other, cart=1)
    assert await memory.load(late.key, late.app) == late
    gate.opened.set()
    await closing


async def test_a_store_that_is_away_for_a_while_during_a_stop_loses_nothing(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    node = BehindStore(inner, Behind(interval=3600))
    after = [await changed(node, await created(node, clock), cart=number) for number in range(5)]
    tried = 0

    async def away(*_: Any) -> None:
        nonlocal tried
        tried += 1
        if tried > 12:
            inner.before.clear()
        raise StoreUnavailable("gone; start it")

    inner.before["save"] = away
    await node.close()
    assert [await memory.load(record.key, record.app) for record in after] == after
    assert node.counts.lost == 0


@pytest.mark.parametrize("how", ["away", "hanging"])
async def test_what_cannot_be_saved_in_time_is_told_loudly(
    inner: WatchedStore, dropped: list[Record], clock: FakeClock, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    node = BehindStore(inner, Behind(interval=3600, drain=0.1), dropped=dropped.append)
    after = [await changed(node, await created(node, clock), cart=number) for number in range(5)]
    if how == "away":
        inner.break_down()
    else:
        inner.before["save"] = lambda *_: asyncio.Event().wait()  # type: ignore[assignment]
    await node.close()
    assert (node.counts.lost, node.depth, dropped) == (5, 0, after)
    [told] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert told.getMessage().startswith("the changes of 5 sessions are lost: for 0.1 seconds")
    assert not any(record.key in caplog.text or record.ref in caplog.text for record in after)


def test_an_event_loop_that_ends_without_a_stop_saves_what_is_queued(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    node = BehindStore(inner, Behind(interval=3600))

    async def visit() -> Record:
        after = await changed(node, await created(node, clock), cart=1)
        await asyncio.sleep(0)  # the task has begun
        return after

    after = asyncio.run(visit())
    assert asyncio.run(memory.load(after.key, after.app)) == after
    assert asyncio.run(visit()).version == 2  # and the next loop can go on


@pytest.mark.long
@pytest.mark.unmeasured  # the lines are those of the few before
async def test_a_hundred_thousand_changes_with_a_full_queue_and_a_store_that_stops_lose_nothing(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    # As for a node that gets SIGTERM in the middle: the store stands still, the queue is full, then the node stops.
    sessions, rounds = 2_000, 50
    node = BehindStore(inner, Behind(interval=SOON, queue_size=500, max_items=200))
    current = [await created(node, clock) for _ in range(sessions)]
    acknowledged = [0] * sessions
    gate = Gate()

    async def visit(number: int) -> None:
        for turn in range(1, rounds + 1):
            current[number] = await changed(node, current[number], cart=turn)
            acknowledged[number] = turn
            await asyncio.sleep(0)

    inner.before["save"] = lambda *_: gate() if not gate.reached.is_set() else gate.opened.wait()  # type: ignore[assignment]
    visits = [asyncio.create_task(visit(number)) for number in range(sessions)]
    await gate.reached.wait()
    while node.depth < 500:  # noqa: ASYNC110 - nobody tells when a queue is full
        await asyncio.sleep(0)
    began = time.monotonic()
    closing = asyncio.create_task(node.close())
    await asyncio.sleep(0.05)
    gate.opened.set()
    await asyncio.gather(*visits)
    await closing
    await node.close()  # what came after the stop
    assert sum(acknowledged) == sessions * rounds == 100_000
    stored = {record.ref: record for record in await memory.find(Query(), limit=sessions)}
    assert [held(stored[record.ref])["cart"] for record in current] == acknowledged
    assert node.counts.full > 0
    assert (node.counts.lost, node.counts.dropped, node.depth) == (0, 0, 0)
    assert time.monotonic() - began < 100


async def test_a_node_that_dies_loses_no_more_than_what_was_queued_since_the_last_save(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    node = BehindStore(inner, Behind(interval=3600))
    made = [await created(node, clock) for _ in range(10)]
    saved = [await changed(node, record, cart=1) for record in made]
    await node.flush()
    for record in saved[:4]:
        await changed(node, record, cart=2)
    assert node.depth == 4  # a gauge of what would be lost now
    after_its_death = BehindStore(memory, Behind(interval=3600))
    assert [await after_its_death.load(record.key, record.app) for record in made] == saved
