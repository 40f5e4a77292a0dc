"""Lines: the connections to a back end that outlive an exchange."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from sojourn.outbound.driving import Asks, AsksAsync, drive, drive_async

__all__ = ["AsyncLine", "Line", "Lines"]


class AsyncLine(AsksAsync, Protocol):
    """What a client of one event loop sends by."""

    async def aclose(self) -> None:
        """Close the connections."""


class Line(Asks, Protocol):
    """What a client sends by that waits."""

    def close(self) -> None:
        """Close the connections."""


A = TypeVar("A", bound=AsyncLine)
S = TypeVar("S", bound=Line)


class Lines:
    """Keeps lines while it is to; else each client has one of its own."""

    def __init__(self) -> None:
        """None is kept."""
        self._kept = False
        self._async: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[type[Any], Any]] = WeakKeyDictionary()
        self._sync: dict[type[Any], Any] = {}

    def keep(self) -> None:
        """From now on, until they are closed."""
        self._kept = True

    def open_async(self, kind: type[A]) -> tuple[A, bool]:
        """One for a client in this event loop; and whether it is the client's own, who closes it then."""
        if not self._kept:
            return kind(), True
        lines = self._async.setdefault(asyncio.get_running_loop(), {})
        return lines.get(kind) or lines.setdefault(kind, kind()), False

    def open(self, kind: type[S]) -> tuple[S, bool]:
        """As `open_async`, for a client that waits."""
        if not self._kept:
            return kind(), True
        return self._sync.get(kind) or self._sync.setdefault(kind, kind()), False

    async def do_async(self, steps: Generator[Any, Any, None]) -> None:
        """Do these steps by a line that is kept in this event loop, or else by one of httpx2's."""
        for line in self._async.get(asyncio.get_running_loop(), {}).values():
            await drive_async(steps, line)
            return
        from sojourn.outbound.drivers.httpx2 import AsyncConnections

        async with contextlib.aclosing(AsyncConnections()) as own:
            await drive_async(steps, own)

    def do(self, steps: Generator[Any, Any, None]) -> None:
        """As `do_async`, in this thread."""
        for line in self._sync.values():
            drive(steps, line)
            return
        from sojourn.outbound.drivers.httpx2 import Connections

        with contextlib.closing(Connections()) as own:
            drive(steps, own)

    async def aclose(self) -> None:
        """Keep none any more: close those of this event loop, and those of clients that wait."""
        self.close()
        for line in self._async.pop(asyncio.get_running_loop(), {}).values():
            await line.aclose()

    def close(self) -> None:
        """Keep none any more: close those of clients that wait."""
        self._kept = False
        lines, self._sync = self._sync, {}
        for line in lines.values():
            line.close()
