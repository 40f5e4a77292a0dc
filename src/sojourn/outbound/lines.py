"""Lines: the connections to a back end that outlive an exchange."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from sojourn.outbound.drivers.way import Way
from sojourn.outbound.driving import PATIENCE, Asks, AsksAsync, drive, drive_async
from sojourn.outbound.messages import Request, Response

__all__ = ["AsyncLine", "Line", "Lines"]

Doing: TypeAlias = Generator[Any, Any, None]


class AsyncLine(AsksAsync, Protocol):
    """What a client of one event loop sends by."""

    def __init__(self, way: Way, given: Any = None) -> None:
        """`given`: what the application sends by, instead of going that way."""

    async def aclose(self) -> None:
        """Close the connections."""


class Line(Asks, Protocol):
    """What a client sends by that waits."""

    def __init__(self, way: Way, given: Any = None) -> None:
        """As of `AsyncLine`."""

    def close(self) -> None:
        """Close the connections."""


A = TypeVar("A", bound=AsyncLine)
S = TypeVar("S", bound=Line)


class Lines:
    """Keeps lines where they are to be kept; else each client has one of its own."""

    def __init__(self, way: Way) -> None:
        """None is kept. `way`: the way that they go."""
        self._way = way
        self._lock = threading.Lock()
        self._kept = False
        self._async: dict[asyncio.AbstractEventLoop, dict[type[Any], Any]] = {}
        self._sync: dict[type[Any], Any] = {}
        self._last_async: type[AsyncLine] | None = None
        self._last: type[Line] | None = None

    def keep(self) -> None:
        """From now on, those of clients that wait, until they are closed."""
        self._kept = True

    def keep_async(self) -> None:
        """Those of this event loop, besides: who closes them is in it, too."""
        self.keep()
        for loop in [each for each in self._async if each.is_closed()]:  # they hold it, and it is of no use
            del self._async[loop]
        self._async.setdefault(asyncio.get_running_loop(), {})

    def open_async(self, kind: type[A], given: Any = None) -> tuple[A, bool]:
        """One for a client in this event loop; and whether it is the client's own, who closes it then.

        `given`: what the application sends by.
        """
        self._last_async = kind
        lines = self._async.get(asyncio.get_running_loop()) if self._async and given is None else None
        if lines is None:
            return kind(self._way, given), True
        return lines.get(kind) or lines.setdefault(kind, kind(self._way)), False

    def open(self, kind: type[S], given: Any = None) -> tuple[S, bool]:
        """As `open_async`, for a client that waits."""
        self._last = kind
        if given is not None or not self._kept:
            return kind(self._way, given), True
        with self._lock:
            return self._sync.get(kind) or self._sync.setdefault(kind, kind(self._way)), False

    async def do_async(self, *each: Doing) -> None:
        """Do the steps of each, all at the same time; whatever interrupts that, each has ended.

        By a line that is kept in this event loop, or else by one as the last client's, or of httpx2's. What is asked
        for is to be answered within `PATIENCE`, all together.
        """
        try:
            async with self._line_async() as line, asyncio.TaskGroup() as tasks:
                hands = _HurriedAsync(line)
                for steps in each:
                    tasks.create_task(drive_async(steps, hands))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        finally:
            _end(each)

    def do(self, *each: Doing) -> None:
        """As `do_async`, in this thread, one after another."""
        try:
            with self._line() as line:
                hands = _Hurried(line)
                for steps in each:
                    drive(steps, hands)
        finally:
            _end(each)

    @contextlib.asynccontextmanager
    async def _line_async(self) -> AsyncGenerator[AsyncLine, None]:
        for line in self._async.get(asyncio.get_running_loop(), {}).values():
            yield line
            return
        kind = self._last_async
        if kind is None:
            from sojourn.outbound.drivers.httpx2 import AsyncConnections

            kind = AsyncConnections
        async with contextlib.aclosing(kind(self._way)) as own:
            yield own

    @contextlib.contextmanager
    def _line(self) -> Generator[Line, None, None]:
        for line in self._sync.values():
            yield line
            return
        kind = self._last
        if kind is None:
            from sojourn.outbound.drivers.httpx2 import Connections

            kind = Connections
        with contextlib.closing(kind(self._way)) as own:
            yield own

    async def aclose(self) -> None:
        """Keep none any more: close those of this event loop, and those of clients that wait."""
        self.close()
        for line in self._async.pop(asyncio.get_running_loop(), {}).values():
            await line.aclose()

    def close(self) -> None:
        """Keep none any more: close those of clients that wait."""
        with self._lock:
            self._kept = False
            lines, self._sync = self._sync, {}
        for line in lines.values():
            line.close()


class _HurriedAsync:
    """Asks by a line while there is time: an end is not to wait for a back end that does not answer."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line
        self._until = time.monotonic() + PATIENCE

    async def ask(self, request: Request) -> Response:
        async with asyncio.timeout(_left(self._until)):
            return await self._line.ask(request)


class _Hurried:
    """As `_HurriedAsync`. What has been begun takes its time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._until = time.monotonic() + PATIENCE

    def ask(self, request: Request) -> Response:
        _left(self._until)
        return self._line.ask(request)


def _left(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _end(each: Sequence[Doing]) -> None:
    """Have those come to their ends that were not begun, too."""
    for steps in each:
        if inspect.getgeneratorstate(steps) == inspect.GEN_CREATED:
            with contextlib.suppress(StopIteration):
                next(steps)
        steps.close()
