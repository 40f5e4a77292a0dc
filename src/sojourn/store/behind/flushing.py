"""Flushing: the task that saves what is queued."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from sojourn.chance import chance
from sojourn.errors import StoreError
from sojourn.store.behind.queue import Queue
from sojourn.store.behind.saving import Counts, Saving
from sojourn.store.behind.settings import Behind

__all__ = ["Flusher"]

PAUSE = 0.05  # seconds until a node that stops asks a store again that is away; doubled up to `LONGEST`
LONGEST = 1.0

_log = logging.getLogger(__name__)


class Flusher:
    """Saves the queue every `interval`, as long as something is in it. For one event loop at a time."""

    def __init__(self, behind: Behind, queue: Queue, saving: Saving, counts: Counts) -> None:
        """`saving`: saves one entry."""
        self._behind = behind
        self._queue = queue
        self._saving = saving
        self._counts = counts
        self.draining = False
        """Whether nothing more is to be queued."""
        self.begin()

    def begin(self) -> None:
        """Nothing is under way: at first, and in a forked child, where what the parent has begun never ends."""
        self._task: asyncio.Task[None] | None = None
        self._early = asyncio.Event()

    def start(self) -> None:
        """See to it that what is queued is saved."""
        if self._task is None or self._task.done() or self._task.get_loop().is_closed():
            self._early = asyncio.Event()
            self._task = asyncio.get_running_loop().create_task(self._run())

    def hurry(self) -> None:
        """Save now rather than when the interval is over."""
        self._early.set()

    async def flush(self) -> None:
        """Save all that is queued by now. Raises `StoreError` when some of it could not be; that waits on."""
        waiting = list(self._queue)
        for start in range(0, len(waiting), self._behind.max_items):
            batch, began = waiting[start : start + self._behind.max_items], time.monotonic()
            results = await asyncio.gather(*map(self._saving.save, batch), return_exceptions=True)
            for entry, result in zip(batch, results, strict=True):
                if not entry.closed:  # what could not be saved keeps nobody else waiting either
                    self._queue.again(entry, began if result is None else entry.queued_at)
            failures = [result for result in results if result is not None]
            for failure in failures:
                if not isinstance(failure, StoreError):
                    raise failure
            if failures:
                raise failures[0]

    async def drain(self) -> None:
        """Save all that is queued, for `Behind.drain` seconds at most; what is left then is lost."""
        self.draining = True
        try:
            async with asyncio.timeout(self._behind.drain):
                await self._drain()
        except TimeoutError:
            self._lose()
        except asyncio.CancelledError:  # by a process that ends, and waits no longer
            self._lose()
            raise
        finally:
            self.draining = False
            await self._stop()

    async def _stop(self) -> None:
        task = self._task
        if task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop():
            self.hurry()  # it ends, since nothing is left
            await asyncio.wait([task])

    async def _run(self) -> None:
        try:
            while self._queue:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._behind.interval):
                        await self._early.wait()
                self._early.clear()
                await self._flush_or_log()
        except asyncio.CancelledError:  # the event loop stops, and still lets it write
            await self._flush_or_log()
            raise

    async def _flush_or_log(self) -> None:
        try:
            await self.flush()
        except StoreError as error:
            _log.warning("%d changed sessions wait to be saved: %s", len(self._queue), error)
        except Exception:  # noqa: BLE001 - whatever it is, what is queued must be tried again
            _log.exception("%d changed sessions wait to be saved", len(self._queue))

    async def _drain(self) -> None:
        pause = PAUSE
        while self._queue:
            await self._flush_or_log()
            if self._queue:
                await asyncio.sleep(pause * chance.uniform(0.5, 1))
                pause = min(2 * pause, LONGEST)

    def _lose(self) -> None:
        lost = list(self._queue)
        self._counts.lost += len(lost)
        _log.error(
            "the changes of %d sessions are lost: for %g seconds, while this node stopped, the store did not take them",
            len(lost),
            self._behind.drain,
        )
        for entry in lost:
            self._saving.drop(entry)
