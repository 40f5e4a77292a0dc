"""The watch in a process: who starts it, what ends it, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import os
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.store.near.fleet import Node, soon

from sojourn.core.record import Record
from sojourn.errors import SettingError, StoreUnavailable
from sojourn.store.around import Around
from sojourn.store.base import Beat, Change, Leases, Lists, Opens, Recalls, Sweeps, Watches, power
from sojourn.store.memory import MemoryStore
from sojourn.store.near import Near, NearStore, watch
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


class Bare:
    """A store without powers."""

    async def load(self, key: str, app: str) -> Record | None:
        return None

    async def save(self, record: Record, *, over: Record | None) -> None:
        return None

    async def touch(self, record: Record) -> bool:
        return False

    async def delete(self, key: str, app: str) -> bool:
        return False


@pytest.mark.parametrize("inner", [Bare(), Around(Bare())])
def test_a_store_that_tells_no_changes_is_refused(inner: Bare | Around) -> None:
    with pytest.raises(SettingError, match="near=None"):
        NearStore(inner, node="n1")


def test_it_has_the_powers_of_its_store_and_recalls(node: Node) -> None:
    for kind in (Recalls, Opens, Sweeps, Lists, Leases, Watches):
        assert power(node, kind) is node
    assert power(node.inner, Recalls) is None


async def test_the_first_use_starts_one_watch(node: Node, record: Record) -> None:
    assert node.line.watched == 0
    assert node.recall(record.key, record.app, 1) is None
    await asyncio.gather(*(node.load(record.key, record.app) for _ in range(20)))
    await node.on()
    assert node.line.watched == 1


async def test_what_a_request_has_in_its_context_does_not_live_on_in_the_watch(node: Node) -> None:
    class Thing:
        pass

    variable: contextvars.ContextVar[Thing] = contextvars.ContextVar("variable")

    async def request() -> weakref.ref[Thing]:
        thing = Thing()
        variable.set(thing)
        await node.open()
        return weakref.ref(thing)

    thing = await asyncio.create_task(request())
    await node.on()
    await soon()
    gc.collect()
    assert thing() is None


def test_when_its_loop_is_over_the_next_one_watches_and_begins_with_nothing(node: Node, record: Record) -> None:
    async def visit() -> bool:
        await node.on()
        known = node.serves(record)
        if await node.loads(record) is None:
            await node.save(record, over=None)
        assert node.has(record)
        return known

    for turn in (1, 2, 3):
        assert not asyncio.run(visit())
        assert not node.healthy
        assert node.entries == 0
        assert node.line.watched == turn
    assert node.counts.breaks == 0  # it was told to end


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_was_closed_in_the_middle_leaves_nothing_that_is_served(node: Node, record: Record) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(node.on())
    loop.run_until_complete(node.save(record, over=None))
    loop.close()
    node.line.lose()

    async def visit() -> None:
        gate = node.line.pause("watch")
        await node.open()
        await gate.reached.wait()
        assert not node.serves(record)
        gate.opened.set()
        await node.on()
        assert not node.serves(record)

    asyncio.run(visit())
    del loop
    gc.collect()  # what it left is complained of here


def test_no_loop_and_no_task_is_held_when_it_is_over(shared: MemoryStore, node: Node, record: Record) -> None:
    loops = []

    async def visit() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await node.on()
        await node.loads(record)

    for _ in range(5):
        asyncio.run(visit())
    gc.collect()
    assert len([loop for loop in loops if loop() is not None]) <= 1  # the last, until there is another
    assert len(node._flights) <= 1


async def test_closing_ends_the_watch_and_use_begins_it_again(node: Node, record: Record) -> None:
    await node.on()
    await node.save(record, over=None)
    before = asyncio.all_tasks()
    await node.close()
    assert len(asyncio.all_tasks()) == len(before) - 1
    assert not node.healthy
    assert node.entries == 0
    await node.close()
    assert await node.loads(record) == record
    await node.on()
    assert await node.loads(record) == record
    assert node.has(record)


async def test_closing_waits_for_what_is_under_way(shared: MemoryStore, node: Node, record: Record) -> None:
    await shared.save(record, over=None)
    await node.on()
    gate = node.line.pause("load")
    asking = asyncio.create_task(node.loads(record))
    await gate.reached.wait()
    closing = asyncio.create_task(node.close())
    await soon()
    assert not closing.done()
    gate.opened.set()
    await closing
    assert await asking == record


def test_a_loop_in_another_thread_may_use_and_close_it(node: Node, record: Record) -> None:
    async def main() -> None:
        await node.on()
        await node.save(record, over=None)
        assert await asyncio.to_thread(asyncio.run, node.loads(record)) == record
        assert node.healthy
        await asyncio.to_thread(asyncio.run, node.close())
        async with asyncio.timeout(10):
            while node.healthy:  # noqa: ASYNC110 - there is no event of it
                await asyncio.sleep(0.001)

    asyncio.run(main())
    assert node.line.watched == 1


def test_threads_share_it(node: Node, clock: FakeClock) -> None:
    kept = [records.new(clock) for _ in range(50)]
    stop = threading.Event()

    def read() -> int:
        seen = 0
        while not stop.is_set():
            for record in kept:
                found = node.recall(record.key, record.app, 0)
                assert found is None or found.ref == record.ref
                seen += 1
        return seen

    async def write() -> None:
        await node.on()
        for record in kept:
            await node.save(record, over=None)
        for _ in range(20):
            for number, record in enumerate(kept):
                kept[number] = records.newer(record)
                await node.save(kept[number], over=record)
                await node.line.deliver()
        stop.set()

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        try:
            asyncio.run(write())
        finally:
            stop.set()
        seen = sum(reader.result() for reader in readers)
    assert node.counts.hits + node.counts.misses == seen


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_after_a_fork_the_child_is_empty_and_watches_anew(node: Node, record: Record) -> None:
    async def parent() -> int:
        await node.on()
        await node.save(record, over=None)
        node._copies._lock.acquire()  # as another thread would hold it
        child = os.fork()
        if child == 0:
            os._exit(in_the_child())
        node._copies._lock.release()
        assert node.has(record)
        return child

    def in_the_child() -> int:
        asyncio.events._set_running_loop(None)
        try:
            begins_anew = not node.healthy and node.entries == 0 and not node.serves(record)
            asyncio.run(again())
        except BaseException:  # noqa: BLE001 - nothing may leave the child
            return 2
        return 0 if begins_anew else 1

    async def again() -> None:
        await node.on()
        await node.loads(record)
        assert node.has(record)

    async def main() -> None:
        child = await parent()
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0

    asyncio.run(main())


async def test_a_store_that_is_away_is_watched_again_later_each_time_and_told_of_once(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="sojourn")
    monkeypatch.setattr(watch, "FIRST_PAUSE", 0.0001)
    node.line.refused = StoreUnavailable("the store is away; start it")
    await node.open()
    async with asyncio.timeout(10):
        while node.line.watched < 5:  # noqa: ASYNC110 - there is no event of it
            await asyncio.sleep(0.001)
    node.line.refused = None
    await node.on()
    await node.line.cut()
    await node.on()
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "n1: nothing is served from memory, for the watch is broken: the store is away; start it",
        "n1: the watch is on",
        "n1: nothing is served from memory, for the watch is broken: the connection is cut; wait",
        "n1: the watch is on",
    ]
    assert node.counts.breaks == 1


@pytest.mark.parametrize("error", [KeyError("secret"), TimeoutError(), asyncio.IncompleteReadError(b"secret", 3)])
async def test_whatever_a_driver_raises_the_watch_goes_on_and_the_log_is_silent_about_it(
    node: Node, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    await node.on()
    await node.line.tell(error)
    await node.on()
    assert node.line.watched == 2
    assert "secret" not in caplog.text


class Still(MemoryStore):
    """Its watch beats once, and ends or hangs."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__()
        self.hangs = hangs
        self.watched = 0
        self.left = 0

    async def watch(self) -> AsyncIterator[Change | Beat]:
        self.watched += 1
        try:
            yield Beat(number=0, asked_at=time.monotonic())
            if self.hangs:
                await asyncio.Event().wait()
        finally:
            self.left += 1


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_watch_that_hangs_or_ends_is_left_for_a_new_one(hangs: bool) -> None:
    store = Still(hangs=hangs)
    node = NearStore(store, Near(silence=1.05), node="n1", monotonic=time.monotonic)
    await node.open()
    async with asyncio.timeout(10):
        while node.counts.breaks < 1 or store.watched < 2:  # noqa: ASYNC110 - there is no event of it
            await asyncio.sleep(0.01)
    await node.close()
    assert store.left == store.watched


def test_what_is_counted_says_nothing_of_whom(node: Node, record: Record) -> None:
    async def visit() -> None:
        await node.on()
        await node.save(record, over=None)
        node.has(record)

    asyncio.run(visit())
    assert repr(node.counts) == "Counts(hits=1, misses=0, stale=0, joined=0, dropped=0, discarded=0, breaks=0)"


def test_any_number_of_nodes_can_be_made_and_forgotten(make: Callable[..., Node], shared: MemoryStore) -> None:
    made = weakref.ref(NearStore(shared, node="n1"))
    gc.collect()
    assert made() is None
