"""Touches: the times of use that are still to be written, gathered, so that no request waits for them."""

from __future__ import annotations

import asyncio
import logging

from sojourn.core.record import Record
from sojourn.errors import StoreError
from sojourn.store.base import Store

__all__ = ["Touches"]

DELAY = 0.5  # seconds; the slack of `Lifetime` covers it many times

_log = logging.getLogger(__name__)


class Touches:
    """One write for all uses of a session within `DELAY`, and one batch for all sessions."""

    def __init__(self, store: Store) -> None:
        """`store`: what they are written to."""
        self._store = store
        self._waiting: dict[tuple[str, str], Record] = {}
        self._flushing: asyncio.Task[None] | None = None

    def add(self, record: Record) -> None:
        """Write the times of `record` soon."""
        self._waiting[record.key, record.app] = record
        if self._flushing is None or self._flushing.done() or self._flushing.get_loop().is_closed():
            self._flushing = asyncio.get_running_loop().create_task(self._flush_soon())

    async def flush(self) -> None:
        """Write all that is waiting, now. A failure is logged: a time of use is not worth an error to a visitor."""
        waiting, self._waiting = self._waiting, {}
        touched = await asyncio.gather(*map(self._store.touch, waiting.values()), return_exceptions=True)
        failures = [result for result in touched if isinstance(result, BaseException)]
        for failure in failures:
            if not isinstance(failure, StoreError):
                raise failure
        if failures:
            _log.warning("%d of %d times of use were not written: %s", len(failures), len(waiting), failures[0])

    async def _flush_soon(self) -> None:
        while self._waiting:  # others come while these are being written
            try:
                await asyncio.sleep(DELAY)
            finally:  # an event loop that stops cancels this, and still lets it write
                await self.flush()
