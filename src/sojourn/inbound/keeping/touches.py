"""Touches: the times of use that are still to be written, gathered, so that no request waits for them."""

from __future__ import annotations

import asyncio
import logging

from sojourn.core.record import Record
from sojourn.errors import StoreError
from sojourn.store.base import Store

__all__ = ["Touches"]

DELAY = 0.5  # seconds; the slack of `Lifetime` covers it many times

LONGEST = 30.0  # between two attempts, while the store takes none
MOST = 10_000  # that wait for it: some 10 MB; beyond that a visitor may be signed out early

_log = logging.getLogger(__name__)


class Touches:
    """One write for all uses of a session within `DELAY`, and one batch for all sessions."""

    def __init__(self, store: Store) -> None:
        """`store`: what they are written to."""
        self._store = store
        self._waiting: dict[tuple[str, str], Record] = {}
        self._flushing: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    def add(self, record: Record) -> None:
        """Write the times of `record` soon."""
        self._waiting[record.key, record.app] = record
        loop = asyncio.get_running_loop()
        flushing = self._flushing.get(loop)
        if flushing is None or flushing.done():
            # One for each loop: another may stand still, or have stayed behind in the parent of this process.
            others = {each: task for each, task in self._flushing.items() if not (each.is_closed() or task.done())}
            self._flushing = others | {loop: loop.create_task(self._flush_soon())}

    async def flush(self) -> None:
        """Write all that is waiting, now. A failure is logged: a time of use is not worth an error to a visitor.

        What the store did not take waits on, or a session in use would end early.
        """
        waiting, self._waiting = self._waiting, {}
        touched = await asyncio.gather(*map(self._store.touch, waiting.values()), return_exceptions=True)
        failures = [result for result in touched if isinstance(result, BaseException)]
        for (place, record), result in zip(waiting.items(), touched, strict=True):
            if isinstance(result, StoreError) and len(self._waiting) < MOST:
                self._waiting.setdefault(place, record)
        for failure in failures:
            if not isinstance(failure, StoreError):
                raise failure
        if failures:
            _log.warning("%d of %d times of use were not written: %s", len(failures), len(waiting), failures[0])

    async def _flush_soon(self) -> None:
        pause = DELAY
        while self._waiting:  # others come while these are being written
            before = self._waiting
            try:
                await asyncio.sleep(pause)
            finally:  # an event loop that stops cancels this, and still lets it write
                await self.flush()
            pause = min(2 * pause, LONGEST) if before.keys() & self._waiting.keys() else DELAY
