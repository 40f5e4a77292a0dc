"""Sweeping: expired sessions are removed, and their end is announced, by whichever node comes first."""

from __future__ import annotations

import asyncio
import logging
import random

from sojourn.errors import SojournError
from sojourn.inbound.ending.endings import LEASE, Endings
from sojourn.store.base import Sweeps

__all__ = ["Sweeper"]

BATCH = 250  # records a claim: small enough that no other writer waits for long
INTERVAL = 60.0  # seconds between rounds, give or take a half, so that nodes do not sweep at the same second

_log = logging.getLogger(__name__)


class Sweeper:
    """Sweeps a store, now or in the background."""

    def __init__(self, store: Sweeps, endings: Endings) -> None:
        """`endings`: announces each session that has ended, before it is forgotten."""
        self._store = store
        self._endings = endings
        self._task: asyncio.Task[None] | None = None

    async def sweep(self) -> int:
        """One round: announce and remove all that has expired. Returns how many sessions that were.

        Also those whose end another node has not announced in time.
        """
        ended = 0
        while claimed := await self._store.claim(limit=BATCH, lease=LEASE):
            await self._endings.announce(claimed)
            ended += len(claimed)
        return ended

    def start(self) -> None:
        """Sweep in the background of the running event loop, unless another loop of this process does."""
        if self._task is None or self._task.done() or self._task.get_loop().is_closed():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Sweep no more. What runs in another event loop goes on there, until that ends."""
        task = self._task
        if task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL * random.uniform(0.5, 1.5))  # noqa: S311 - jitter is no secret
            try:
                await self.sweep()
            except SojournError as error:
                _log.warning("a sweep was put off: %s", error)
