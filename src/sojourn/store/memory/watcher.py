"""Watcher: what somebody has still to hear of the changes, whichever thread made them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator

from sojourn.store.base import Change

__all__ = ["Watcher"]

LAG = 10_000  # changes that a watcher may lag behind before it sees a gap


class Watcher:
    """The changes that one task has not seen. Others tell from any event loop, one at a time."""

    __slots__ = ("_changes", "_loop", "_news")

    def __init__(self) -> None:
        """For a task of the running loop."""
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._changes: deque[Change] = deque(maxlen=LAG)

    def tell(self, change: Change) -> None:
        """There is another one."""
        self._changes.append(change)
        if self._loop is _running():
            self._news.set()
        else:
            with contextlib.suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(self._news.set)

    def seen(self) -> Iterator[Change]:
        """Those that are there by now."""
        for _ in range(len(self._changes)):
            yield self._changes.popleft()

    async def next(self, due: float) -> Change | None:
        """The next one; None, when it is `due` by the time of the loop."""
        if self._loop.time() < due:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    while not self._changes:
                        self._news.clear()
                        await self._news.wait()
                    return self._changes.popleft()
        return None


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
