"""Sweeping: expired sessions are removed, and their end is announced, by whichever node comes first."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from dataclasses import dataclass
from datetime import datetime, time

from sojourn.chance import chance
from sojourn.core.lifetime import Clock
from sojourn.errors import SettingError, SojournError
from sojourn.inbound.ending.endings import LEASE, Endings
from sojourn.store.base import Sweeps

__all__ = ["Sweep", "Sweeper"]

BATCH = 250  # records a claim: small enough that no other writer waits for long

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """When a node sweeps. Raises `SettingError`.

    Sessions end in time whether anything is swept or not; a sweep announces that, and makes room.
    """

    every: float = 60.0
    """Seconds between rounds, give or take a half, so that nodes do not sweep at the same second."""
    quiet: tuple[time, time] | None = None
    """Hours in which none begins, from the first time to before the second, over midnight if need be:
    `(time(8), time(18))` in the machine's own time zone, `(time(8, tzinfo=UTC), time(18, tzinfo=UTC))` in that one."""

    def __post_init__(self) -> None:
        if type(self.every) not in (int, float) or not 0 < self.every < math.inf:
            raise SettingError(f"Sweep(every={self.every!r}): give seconds, more than 0")
        if self.quiet is not None and not _are_hours(self.quiet):
            raise SettingError("Sweep(quiet=…): give two different times of one time zone, as in (time(8), time(18))")

    def rests_at(self, now: float) -> bool:
        """Whether these are quiet hours; `now` in seconds since the epoch."""
        if self.quiet is None:
            return False
        begin, end = (each.replace(tzinfo=None) for each in self.quiet)
        at = datetime.fromtimestamp(now, self.quiet[0].tzinfo).time()
        return begin <= at < end if begin < end else at >= begin or at < end


class Sweeper:
    """Sweeps a store, now or in the background."""

    def __init__(self, store: Sweeps, endings: Endings, sweep: Sweep, clock: Clock, *, counts: bool = False) -> None:
        """`endings`: announces each session that has ended, before it is forgotten. `clock`: tells quiet hours.

        `counts`: whether there is more than sessions in the store, so that they have to be looked at to be counted.
        """
        self._store = store
        self._endings = endings
        self._settings = sweep
        self._clock = clock
        self._counts = counts
        self._task: asyncio.Task[None] | None = None
        self._process = 0  # that of the task

    async def sweep(self) -> int:
        """One round: announce and remove all that has expired. Returns how many sessions that were.

        Also those whose end another node has not announced in time.
        """
        ended = 0
        while (swept := await self._batch()) is not None:
            ended += swept
            await asyncio.sleep(0)  # a store in memory never waits, and visitors would until the round is over
        return ended

    def start(self) -> None:
        """Sweep in the background of the running event loop, unless another loop of this process does."""
        task = self._task
        if task is None or task.done() or task.get_loop().is_closed() or self._process != os.getpid():
            self._process = os.getpid()
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Sweep no more. What runs in another event loop goes on there, until that ends."""
        task = self._task
        if task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait([task])

    async def _batch(self) -> int | None:
        """How many were swept; None when nothing is left."""
        if not (self._endings.heard or self._counts):
            return await self._store.discard(limit=BATCH) or None
        asked_at = self._endings.monotonic()
        claimed = await self._store.claim(limit=BATCH, lease=LEASE)
        return await self._endings.announce(claimed, asked_at=asked_at) if claimed else None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.every * chance.uniform(0.5, 1.5))
            if self._settings.rests_at(self._clock()):
                continue
            try:
                await self.sweep()
            except SojournError as error:
                _log.warning("a sweep was put off: %s", error)


def _are_hours(quiet: object) -> bool:
    match quiet:
        case (time() as begin, time() as end):
            return begin.replace(tzinfo=None) != end.replace(tzinfo=None) and begin.tzinfo == end.tzinfo
    return False
