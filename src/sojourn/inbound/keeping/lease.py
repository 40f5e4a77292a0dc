"""Lease: the sole right to a session, for as long as its holder lives."""

from __future__ import annotations

import asyncio
import contextlib
import time

from sojourn.core.ids import new_ref
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import LeaseLost, StoreError
from sojourn.store.base import Leases

__all__ = ["SECONDS", "Lease"]

SECONDS = 10.0  # how long a session stays taken when its holder dies
EVERY = SECONDS / 3  # seconds after which it is prolonged


class Lease:
    """The right of one holder, prolonged while it lasts.

    Whether it is still ours cannot be learned from the store alone: it gives it to us again, too, when another had it
    in between. So it counts as lost once `SECONDS` have passed since it was last asked for and given, by one of two
    clocks: one may have been set back, the other stands still while the machine does.
    """

    def __init__(self, leases: Leases, record: Record, clock: Clock) -> None:
        """`record`: of the session. `clock`: tells the time in seconds since the epoch."""
        self._leases = leases
        self._record = record
        self._clock = clock
        self._holder = new_ref()
        self._asked = False
        self._since = self._instant()
        self._lost = False
        self._over = asyncio.Event()
        self._prolonging: asyncio.Task[None] | None = None

    @property
    def lost(self) -> bool:
        """Whether another may have had it since it was taken."""
        now, monotonic = self._instant()
        return self._lost or max(now - self._since[0], monotonic - self._since[1]) >= SECONDS

    async def take(self) -> bool:
        """Ask for it, once. False when another has it."""
        self._since, self._lost = self._instant(), False
        before, self._asked = self._asked, True  # also when the answer never comes
        held = await self._leases.hold(self._record, self._holder, seconds=SECONDS)
        self._asked = before or held  # who had it once gives it back, whoever has it by then
        return held

    async def verify(self) -> None:
        """As `Right`."""
        if not self._over.is_set():  # or what is given back would be taken again
            await self._prolong()
        if self._lost:
            raise LeaseLost(
                f"session {self._record.ref}: the right to it ran out after {SECONDS:g} s without a sign of life; "
                "nothing was stored, load the session again"
            )

    def keep(self) -> None:
        """Prolong it from now on, until it is released or lost."""
        self._prolonging = asyncio.get_running_loop().create_task(self._keep())

    async def release(self) -> None:
        """Give it back."""
        self._lost = True  # what is still being written must not be written over another's
        self._over.set()
        if self._prolonging is not None:
            await asyncio.wait([self._prolonging])  # or it could take the right again
        if self._asked:
            await self._give_back()

    async def _give_back(self) -> None:
        with contextlib.suppress(StoreError):  # then it runs out
            await self._leases.release(self._record, self._holder)

    async def _prolong(self) -> None:
        since = self._instant()
        held = await self._leases.hold(self._record, self._holder, seconds=SECONDS)
        if not held or self.lost:  # asked when the answer is there: only then it is sure that there was no gap
            self._lost = True
            if self._over.is_set():  # given back while this was under way, and taken again by it perhaps
                await self._give_back()
        else:
            self._since = since

    async def _keep(self) -> None:
        while not self.lost:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), EVERY)
                return
            with contextlib.suppress(StoreError):  # asked again, as long as it may still be ours
                await self._prolong()

    def _instant(self) -> tuple[float, float]:
        return self._clock(), time.monotonic()
