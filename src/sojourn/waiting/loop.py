"""The event loop that the sync code of a process shares, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from multiprocessing.util import Finalize
from typing import Any, Generic, TypeVar
from weakref import WeakMethod

from sojourn.errors import SettingError
from sojourn.waiting.surroundings import check, check_fork

__all__ = ["at_exit", "wait"]

T = TypeVar("T")

PATIENCE = 10.0  # seconds for what is closed at the end of a process: a supervisor kills who takes longer
NAP = 0.2  # seconds between looks for a signal: one that comes just before a thread falls asleep does not wake it


def wait(work: Awaitable[T], *, context: Context | None = None) -> T:
    """Run `work` in the event loop of this process, and return what it returns or raise what it raises.

    For sync code that asks `Sessions` something: `wait(sessions.find(principal="alice"))`. The loop begins with the
    first call, and anew after a fork. Where the wait is interrupted, as by a signal, the work is cancelled: what it has
    begun to store is stored. `context`: what it runs in; else a copy of the caller's. Raises `SettingError` where no
    thread can run beside this one, or when it is called from the loop itself, which would wait for ever.
    """
    try:
        loop = _begun()
    except BaseException:
        if isinstance(work, Coroutine):
            work.close()
        raise
    task: Coroutine[Any, Any, T] = work if isinstance(work, Coroutine) else _awaiting(work)
    call = _Call(task, context if context is not None else copy_context())
    try:
        loop.call_soon_threadsafe(call.begin)
        return call.wait()
    except BaseException:
        if not call.over:  # a signal's handler raised it
            loop.call_soon_threadsafe(call.give_up)
        raise


async def _awaiting(work: Awaitable[T]) -> T:
    return await work


def at_exit(act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have `act`, a method of what is still there then, done in the loop before the process ends, if the loop runs."""
    _last[:] = [each for each in _last if each() not in (None, act)]
    _last.append(WeakMethod(act))


class _Call(Generic[T]):
    """One piece of work, and the thread that waits for it. A lock is a third of the price of a Future."""

    __slots__ = ("_context", "_done", "_error", "_result", "_task", "_work", "over")

    def __init__(self, work: Coroutine[Any, Any, T], context: Context) -> None:
        self.over = False
        self._work = work
        self._context = context
        self._done = threading.Lock()
        self._done.acquire()
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._do(), context=self._context)

    def wait(self) -> T:
        while not self._done.acquire(timeout=NAP):
            pass
        if self._error is None:
            return self._result
        try:
            raise self._error
        finally:
            self._error = None  # which holds this frame

    def give_up(self) -> None:
        if self._task is None:
            self._work.close()
        else:
            self._task.cancel()
            self._task.add_done_callback(lambda _: self._work.close())  # it may not have begun

    async def _do(self) -> None:
        try:  # not in a callback of the task, which would take another turn of the loop
            self._result: T = await self._work
        except BaseException as error:  # noqa: BLE001 - it is for the thread that waits
            self._error = error
        finally:
            self.over = True
            self._done.release()


_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_process = 0  # that of the thread
_last: list[WeakMethod[Callable[[], Coroutine[Any, Any, None]]]] = []


def _begun() -> asyncio.AbstractEventLoop:
    global _loop, _process, _thread  # noqa: PLW0603 - there is one of it in a process, and that is the point
    if _loop is None:
        with _lock:
            if _loop is None:
                check()
                loop = asyncio.new_event_loop()
                _thread = threading.Thread(target=_run, args=(loop,), name="sojourn", daemon=True)
                _thread.start()
                # Also where multiprocessing ends a process without `atexit`.
                Finalize(None, _finish, args=(os.getpid(),), exitpriority=100)
                _process = os.getpid()
                _loop = loop
    check_fork(_process)
    if _thread is threading.current_thread():
        raise SettingError("wait(…) was called in the event loop of the bridge, as listeners are; use await there")
    return _loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    while True:
        with contextlib.suppress(SystemExit, KeyboardInterrupt):  # that work raised: they are for who waits for it
            loop.run_forever()


def _finish(pid: int) -> None:
    """Do what is to be done last, and stop."""
    if pid != os.getpid() or _loop is None:
        return
    done = asyncio.run_coroutine_threadsafe(_done([act for each in _last if (act := each())]), _loop)
    with contextlib.suppress(TimeoutError):  # of a loop that stands still
        done.result(PATIENCE + 1)


async def _done(acts: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Do them side by side: the patience is for all of them together."""
    loop = asyncio.get_running_loop()
    for result in await asyncio.gather(*(asyncio.wait_for(act(), PATIENCE) for act in acts), return_exceptions=True):
        if isinstance(result, BaseException):  # the others are closed, for all that
            loop.call_exception_handler({"message": "sessions were not closed", "exception": result})


def _forget() -> None:
    """In a forked child, where the thread of the parent does not run."""
    global _lock, _loop, _thread
    _lock, _loop, _thread = threading.Lock(), None, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
