"""One server process: `python -m sojourn.cli.worker LISTENER ORDERS ANSWERS`, the numbers of three inherited files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Coroutine
from typing import Any

import msgspec

from sojourn import Sessions
from sojourn.chance import chance
from sojourn.cli.mistake import Mistake, told
from sojourn.cli.orders import Answer, Orders, Ready, Refused, Waiting
from sojourn.cli.worker.lifespan import Lifespan
from sojourn.cli.worker.server import Server, new_event_loop
from sojourn.cli.worker.target import load
from sojourn.cli.worker.wrap import Wrapped, wrap
from sojourn.errors import SojournError, StoreUnavailable
from sojourn.store.stack import LASTING, is_remote

__all__ = ["main"]

PAUSE = 1.0  # seconds between two attempts to open the store, at most


def main(listener: int, orders_pipe: int, answers: int) -> int:
    """Serve until told to stop; return the exit status."""
    orders = _receive(orders_pipe)
    threading.Thread(target=_follow, args=(orders_pipe, orders.drain), daemon=True).start()
    server = Server(listener)  # before the application's import: it sets up logging, and that may undo other set-ups
    try:
        wrapped = wrap(load(orders.target), orders)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(_count_and_serve(server, wrapped, answers, counts=orders.metrics))
    except (Mistake, SojournError) as error:
        _answer(answers, Refused(mistake=str(error)))
        return 2


def _receive(pipe: int) -> Orders:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(pipe, 65536)
        if not piece:
            sys.exit(1)
        line += piece
    return msgspec.json.decode(line, type=Orders)


def _follow(pipe: int, drain: float) -> None:
    """Stop when the supervisor has gone, by a kill too: then its end of the pipe closes.

    A thread, so that an application that blocks the event loop is no reason to stay.
    """
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(drain)
    os._exit(1)


async def _count_and_serve(server: Server, wrapped: Wrapped, answers: int, *, counts: bool) -> int:
    if not counts or wrapped.sessions is None:
        return await _serve(server, wrapped, answers, None)
    from sojourn.cli.worker.figures import figures  # imports what is not installed for everybody

    async with figures(wrapped.sessions) as port:
        return await _serve(server, wrapped, answers, port)


async def _serve(server: Server, wrapped: Wrapped, answers: int, figures: int | None) -> int:
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    # Here rather than in the lifespan, for errors of its own.
    if wrapped.sessions is not None and not await _opened(wrapped.sessions, told_to_stop, answers):
        return 0
    lifespan = Lifespan(wrapped.app)
    try:
        await lifespan.start()
    except Exception as error:
        raise Mistake(f"the application did not start: {told(error)}; mend its lifespan") from error
    serving = asyncio.create_task(server.serve(lifespan.app))
    await server.accepts()
    if serving.done():
        await serving
    own = wrapped.sessions is None
    _answer(answers, Ready(cookie=wrapped.cookie, warnings=wrapped.warnings, own=own, figures=figures))
    stop = asyncio.create_task(told_to_stop.wait())
    await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
    server.stop()
    await serving
    await lifespan.stop()
    if wrapped.sessions is not None:
        await wrapped.sessions.close()  # for an application that knows no lifespan
    return 0 if told_to_stop.is_set() else 1


async def _opened(sessions: Sessions, told_to_stop: asyncio.Event, answers: int) -> bool:
    """Open the store, however long it is away; False when the worker is to stop before."""
    told = False
    while not told_to_stop.is_set():
        try:
            await _unless(told_to_stop, sessions.start())
        except StoreUnavailable as error:
            if isinstance(error, LASTING) or not is_remote(sessions.store):
                raise
            if not told:
                _answer(answers, Waiting(problem=str(error)))
            told = True
            with contextlib.suppress(TimeoutError):
                # Not all nodes at once, when the store is back.
                await asyncio.wait_for(told_to_stop.wait(), PAUSE * chance.uniform(0.5, 1.0))
        else:
            return not told_to_stop.is_set()
    return False


async def _unless(told_to_stop: asyncio.Event, opening: Coroutine[Any, Any, None]) -> None:
    """Wait until the store is open; no longer when the worker is to stop, since a server that hangs takes its time."""
    tasks = asyncio.create_task(opening), asyncio.create_task(told_to_stop.wait())
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    if not tasks[0].cancelled():
        tasks[0].result()


def _answer(pipe: int, answer: Answer) -> None:
    with contextlib.suppress(BrokenPipeError):  # the supervisor has gone; `_follow` knows
        os.write(pipe, msgspec.json.encode(answer) + b"\n")
    if not isinstance(answer, Waiting):
        os.close(pipe)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
