"""Driving: carry out what a negotiation asks for, with the hands of a client library."""

from __future__ import annotations

import asyncio
import contextlib
import time
import warnings
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar, cast

from sojourn.outbound.messages import Ask, Do, Pause, Request, Response, Send, Step, Wait
from sojourn.waiting import wait

__all__ = ["PATIENCE", "AsyncHands", "Hands", "drive", "drive_async"]

PATIENCE = 30.0  # seconds for what is asked outside of a call, as signing out: a call has a time limit of its own

T = TypeVar("T")


class AsksAsync(Protocol):
    """A client library in an event loop."""

    async def ask(self, request: Request) -> Response:
        """Carry out an `Ask`."""


class Asks(Protocol):
    """A client library in a thread."""

    def ask(self, request: Request) -> Response:
        """Carry out an `Ask`."""


class AsyncHands(AsksAsync, Protocol):
    """A client library at work on one call, in an event loop."""

    async def send(self, step: Send) -> Response:
        """Carry out a `Send`; what an earlier one answered is let go."""


class Hands(Asks, Protocol):
    """A client library at work on one call, in a thread."""

    def send(self, step: Send) -> Response:
        """Carry out a `Send`; what an earlier one answered is let go."""


async def drive_async(steps: Generator[Any, Any, T], hands: AsyncHands | AsksAsync) -> T:
    """Do step by step what is asked for, and return what comes of it.

    What a step raises is for the negotiation first, so that a call that fails or is cancelled leaves nothing half done.
    """
    sends = cast("AsyncHands", hands)
    try:
        step = next(steps)
        while True:
            try:
                done = await (sends.send(step) if type(step) is Send else _step_async(step, hands))
            except BaseException as error:  # noqa: BLE001 - it is raised again by the negotiation
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as stop:
        value: T = stop.value
        return value


def drive(steps: Generator[Any, Any, T], hands: Hands | Asks) -> T:
    """As `drive_async`, in this thread."""
    try:
        step = next(steps)
        while True:
            try:
                done = _step(step, hands)
            except BaseException as error:  # noqa: BLE001 - it is raised again by the negotiation
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as stop:
        value: T = stop.value
        return value


async def _step_async(step: Step, hands: AsksAsync) -> Any:
    match step:
        case Ask():
            return await hands.ask(step.request)
        case Wait():
            await _wait(step)
        case Pause():
            await asyncio.sleep(step.seconds)
        case Do():
            return await step.work()
    return None


def _step(step: Step, hands: Hands | Asks) -> Any:
    match step:
        case Send():
            return cast("Hands", hands).send(step)
        case Ask():
            return hands.ask(step.request)
        case Wait():
            if not step.future.done():
                _warn_in_loop()
            step.future.result(step.seconds)
        case Pause():
            time.sleep(step.seconds)
        case Do():
            return wait(step.work())
    return None


def _warn_in_loop() -> None:
    with contextlib.suppress(RuntimeError):  # there is none, as there should be
        asyncio.get_running_loop()
        warnings.warn(
            "a client that waits is used in an event loop, which stands still meanwhile, and whom it waits for may be "
            "in there; use `async with backend.exchange()`",
            RuntimeWarning,
            stacklevel=2,
        )


async def _wait(step: Wait) -> None:
    """Not by `asyncio.wrap_future`, which cancels for everybody what one of them stops waiting for."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def tell(_: Future[None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(_set, done)

    step.future.add_done_callback(tell)
    async with asyncio.timeout(step.seconds):
        await done
    step.future.result()


def _set(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
