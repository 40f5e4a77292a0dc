"""Sync code waits for async code: what it gets, in which context, and what becomes of the work when it goes away."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

import pytest
from tests.inbound.bridge.asked import PATIENCE, Asked, Held

from sojourn import Sessions
from sojourn.core.events import Event
from sojourn.errors import SettingError
from sojourn.inbound.bridge import Bridge, wait
from sojourn.store.memory import MemoryStore
from sojourn.waiting import loop

colour = ContextVar("colour", default="none")


class Interrupted(Exception):
    """A signal's handler raised it."""


@contextmanager
def interrupted_at(reached: threading.Event, *, elsewhere: bool = False) -> Iterator[None]:
    """Interrupt this thread once that is reached. `elsewhere`: by a signal that wakes another thread, and not this."""

    def handler(*_: object) -> None:
        raise Interrupted

    before, me = signal.signal(signal.SIGUSR1, handler), threading.get_ident()

    def interrupt() -> None:
        reached.wait(PATIENCE)
        signal.pthread_kill(threading.get_ident() if elsewhere else me, signal.SIGUSR1)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(interrupt)
        with pytest.raises(Interrupted):
            yield
    signal.signal(signal.SIGUSR1, before)


async def answer(value: object) -> object:
    await asyncio.sleep(0)
    return value


async def fail(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


def test_who_waits_gets_what_is_returned_and_what_is_raised() -> None:
    assert wait(answer(1)) == 1
    with pytest.raises(ZeroDivisionError, match="by hand"):
        wait(fail(ZeroDivisionError("by hand")))


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_what_ends_a_program_is_for_who_waits_and_does_not_end_the_loop(raised: type[BaseException]) -> None:
    async def end() -> None:
        raise raised

    with pytest.raises(raised):
        wait(end())
    assert wait(answer(1)) == 1


def test_whatever_can_be_awaited_is_waited_for(asked: Asked) -> None:
    with asked.request() as session:
        session["a"] = 1
        assert wait(session.save()) is None  # as in async code, by mistake
    with pytest.raises(TypeError, match="await"):
        wait(1)  # type: ignore[arg-type]
    assert wait(answer(1)) == 1


def test_threads_that_wait_at_once_get_what_is_theirs() -> None:
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda number: wait(answer(number)), range(200))) == [*range(200)]


def test_the_work_sees_the_context_of_the_caller_and_leaves_it_as_it_was() -> None:
    async def look() -> str:
        seen = colour.get()
        colour.set("green")
        return seen

    token = colour.set("red")
    try:
        assert wait(look()) == "red"
        assert colour.get() == "red"
    finally:
        colour.reset(token)


def test_all_work_of_a_process_runs_in_one_loop_in_one_thread() -> None:
    async def where() -> tuple[int, int]:
        return id(asyncio.get_running_loop()), threading.get_ident()

    with ThreadPoolExecutor(4) as threads:
        places = set(threads.map(lambda _: wait(where()), range(8)))
    assert len(places) == 1
    assert threading.get_ident() not in {thread for _, thread in places}


def test_the_loop_does_not_wait_for_itself() -> None:
    async def within() -> None:
        wait(answer(1))

    with pytest.raises(SettingError, match="use await there"):
        wait(within())
    assert wait(answer(1)) == 1


def test_a_listener_that_waits_is_refused_and_harms_nobody(
    sessions: Sessions, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    def listener(_: Event) -> None:
        wait(sessions.find())

    sessions.listen(listener)
    with caplog.at_level(logging.ERROR), asked.request() as session:
        session["a"] = 1
    assert "a listener failed on SessionCreated" in caplog.text
    with asked.request() as session:
        assert session["a"] == 1


def test_another_event_loop_may_wait() -> None:
    async def elsewhere() -> object:
        return wait(answer(1))

    assert asyncio.run(elsewhere()) == 1


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_interrupted_is_cancelled(elsewhere: bool) -> None:
    reached, cancelled = threading.Event(), threading.Event()

    async def work() -> None:
        reached.set()
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with interrupted_at(reached, elsewhere=elsewhere):
        wait(work())
    assert cancelled.wait(PATIENCE)


def test_what_was_being_stored_when_the_wait_was_interrupted_is_stored(asked: Asked, store: Held) -> None:
    with asked.request() as session:
        session["a"] = 1
    gate = store.pause("save")
    with interrupted_at(gate.reached), asked.request() as session:
        session["a"] = 2
        session.save()
    gate.opened.set()
    wait(asked.bridge.sessions.close())
    with asked.request() as session:
        assert session["a"] == 2


def test_who_is_interrupted_in_the_queue_for_a_session_leaves_it(asked: Asked) -> None:
    with asked.request() as session:
        session["n"] = 0
    turns, queued = asked.bridge.sessions.keeper._turns._turns, threading.Event()

    def look() -> None:
        while not any(turn._wanted == 2 for turn in list(turns.values())):
            time.sleep(0.001)
        queued.set()

    with asked.twin().request() as first, first.exclusive(), ThreadPoolExecutor(1) as thread:
        thread.submit(look)
        with interrupted_at(queued), asked.twin().request() as second, second.exclusive(wait=PATIENCE):
            raise AssertionError
        first["n"] += 1
    with asked.twin().request() as third, third.exclusive(wait=PATIENCE / 2):
        third["n"] += 1
    with asked.request() as session:
        assert session["n"] == 2


def test_at_the_end_of_the_process_a_loop_that_stands_still_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PATIENCE", -0.9)
    several = [Sessions(MemoryStore()) for _ in range(100)]
    for sessions in several:
        Bridge(sessions)
    freed, entered = threading.Event(), threading.Event()

    async def block() -> None:
        entered.set()
        freed.wait(PATIENCE)

    with ThreadPoolExecutor(1) as thread:
        blocked = thread.submit(wait, block())
        entered.wait(PATIENCE)
        loop._finish(os.getpid())
        assert not blocked.done()
        freed.set()


def test_what_cannot_be_closed_at_the_end_keeps_nobody_else_from_it(caplog: pytest.LogCaptureFixture) -> None:
    class Closing:
        closed = False

        async def fails(self) -> None:
            raise ZeroDivisionError

        async def works(self) -> None:
            self.closed = True

    closing = Closing()
    loop.at_exit(closing.fails)
    loop.at_exit(closing.works)
    wait(answer(1))
    loop._finish(os.getpid())
    assert closing.closed
    assert "sessions were not closed" in caplog.text


def test_what_is_gone_is_not_kept_for_the_end(sessions: Sessions) -> None:
    for _ in range(3):
        Bridge(sessions)
        Bridge(Sessions())
    kept = [each() for each in loop._last]
    assert kept.count(sessions.close) == 1


@pytest.mark.parametrize(
    "act", [len, lambda session: session.get("a"), lambda session: session.principal], ids=["len", "get", "principal"]
)
def test_what_needs_no_store_does_not_leave_its_thread(
    asked: Asked, act: Callable[[object], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(loop, "_begun", refuse)
    with asked.request() as session:
        act(session)
