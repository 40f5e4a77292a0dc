"""The store in memory, asked from several threads: each step is one for all of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from sojourn.core.record import Record
from sojourn.errors import Conflict, LimitReached
from sojourn.store.base import Beat, Change, Query
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


class Between:
    """A clock by which something is done in the middle of a step, when it is asked for the time there."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.looks = 0
        self.act: Callable[[], None] | None = None

    def __call__(self) -> float:
        self.looks -= 1
        if self.looks == 0 and self.act is not None:
            self.act()
        return self.clock()


def beside(step: Callable[[], None]) -> tuple[threading.Thread, list[Exception]]:
    """A step of another thread, which has begun, and ended if it could; and what it raises."""
    failed: list[Exception] = []

    def run() -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(0.2)  # who is kept out cannot end before the first one has
    return thread, failed


@pytest.mark.parametrize("look", [1, 2])
async def test_of_two_that_create_the_same_session_at_once_one_is_told(look: int) -> None:
    between = Between()
    store = MemoryStore(clock=between)
    record = records.new(between.clock)
    other: list[tuple[threading.Thread, list[Exception]]] = []
    between.act = lambda: other.append(beside(lambda: asyncio.run(store.save(record, over=None))))
    between.looks = look
    await store.save(record, over=None)
    [(thread, failed)] = other
    thread.join()
    assert [type(each) for each in failed] == [Conflict]


@pytest.mark.parametrize("look", [1, 2])
async def test_no_principal_gets_more_sessions_than_allowed_by_two_sign_ins_at_once(look: int) -> None:
    between = Between()
    store = MemoryStore(clock=between)

    async def sign_in(record: Record) -> None:
        await store.admit(record, over=None, limit=1, when_full="refuse", lease=10.0)

    one, two = (records.new(between.clock, principal="alice") for _ in range(2))
    other: list[tuple[threading.Thread, list[Exception]]] = []
    between.act = lambda: other.append(beside(lambda: asyncio.run(sign_in(two))))
    between.looks = look
    await sign_in(one)
    [(thread, failed)] = other
    thread.join()
    assert [type(each) for each in failed] == [LimitReached]
    assert len(await store.find(Query())) == 1


async def test_a_watcher_is_woken_by_what_another_thread_does() -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    watch = store.watch()
    assert isinstance(await anext(watch), Beat)
    record = records.new(clock)
    threading.Timer(0.05, lambda: asyncio.run(store.save(record, over=None))).start()
    async with asyncio.timeout(5):
        news = await anext(watch)
    assert isinstance(news, Change)
    assert news.key == record.key
