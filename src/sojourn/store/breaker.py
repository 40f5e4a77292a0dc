"""Breaker: while the store is away, all but one are told so at once, and nobody waits for it without end."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sojourn.chance import chance
from sojourn.core.events import Reason
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import (
    OutcomeUnknown,
    SettingError,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
)
from sojourn.store.around import Around
from sojourn.store.base import Ending, Query, Store, WhenFull

__all__ = ["BreakerStore"]

A = TypeVar("A")

FIRST_PAUSE = 0.1  # seconds after a failure until one may try; doubled with each failure, up to `LONGEST_PAUSE`
LONGEST_PAUSE = 2.0
PROMPT = 0.5  # seconds within which a failure is that of one connection, perhaps: what hangs takes longer

# The store is there, and others may still be served. Any other error, also a kind of its own that a store has for it,
# says that it is away.
_THERE = (StoreBusy, StoreDamaged, StoreFull, StoreReadOnly, StoreTooNew)


class BreakerStore(Around):
    """Bounds how long a request waits for `inner`, and breaks the circuit when that is away.

    A failure that comes promptly may be that of one connection, and the next question makes another: one is let through
    at once, and only when it fails as well the circuit breaks. What was given up breaks it by itself. While it is
    broken, everything fails at once with `StoreUnavailable`; after a short pause one question is let
    through, and its answer closes the circuit or prolongs the pause. Only a store that is away breaks it, not one that
    is busy, full or damaged in one place: others may still be served then. Searches and sweeps may take as long as they
    need while the circuit is closed. A write that is given up after `limit` is an `OutcomeUnknown`.
    """

    def __init__(self, inner: Store, *, limit: float = 5.0, monotonic: Clock = time.monotonic) -> None:
        """`limit`: seconds that a question of a request may take. `monotonic`: tells how long a pause has lasted."""
        super().__init__(inner)
        if not 0 < limit < float("inf"):
            raise SettingError(f"limit={limit!r}: give seconds, more than 0")
        self._limit = limit
        self._monotonic = monotonic
        self._until: float | None = None  # when the next one may try; None while all may ask
        self._pause = 0.0  # the last one; 0 while the circuit is closed
        self._tried_until = -math.inf  # the one who tries is waited for until then, and given up: it may be no more
        self.breaks = 0
        """How often the store went away."""
        self.refused = 0
        """Questions that failed at once."""

    @property
    def closed(self) -> bool:
        """Whether the store is there, as far as is known."""
        return not self._pause

    async def open(self) -> None:
        """As `Opens`; always tried."""
        await self._watched(super().open(), trying=True)

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        return await self._ask(lambda: self.inner.load(key, app), limit=self._limit)

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        await self._write(lambda: self.inner.save(record, over=over))

    async def touch(self, record: Record) -> bool:
        """As `Store`."""
        return await self._write(lambda: self.inner.touch(record))

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`."""
        return await self._write(lambda: self.inner.delete(key, app))

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        moved = super().moved
        return await self._ask(lambda: moved(key, app), limit=self._limit)

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`."""
        end = super().end
        return await self._write(lambda: end(key, app, reason=reason, lease=lease))

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`."""
        claim = super().claim
        return await self._ask(lambda: claim(limit=limit, lease=lease), limit=None)

    async def forget(self, records: Sequence[Record]) -> None:
        """As `Sweeps`."""
        forget = super().forget
        await self._ask(lambda: forget(records), limit=None)

    async def discard(self, *, limit: int) -> int:
        """As `Sweeps`."""
        discard = super().discard
        return await self._ask(lambda: discard(limit=limit), limit=None)

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`."""
        find = super().find
        return await self._ask(lambda: find(query, limit=limit, after=after), limit=None)

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        admit = super().admit
        return await self._write(lambda: admit(record, over=over, limit=limit, when_full=when_full, lease=lease))

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """As `Leases`."""
        hold = super().hold
        return await self._write(lambda: hold(record, holder, seconds=seconds))

    async def release(self, record: Record, holder: str) -> None:
        """As `Leases`."""
        release = super().release
        await self._write(lambda: release(record, holder))

    async def _write(self, question: Callable[[], Awaitable[A]]) -> A:
        return await self._ask(question, limit=self._limit, lost=OutcomeUnknown)

    async def _ask(
        self,
        question: Callable[[], Awaitable[A]],
        *,
        limit: float | None,
        lost: type[StoreUnavailable] = StoreUnavailable,
    ) -> A:
        trying = self._enter()
        if trying:
            limit = self._limit  # whoever tries has to come back
        try:
            async with asyncio.timeout(limit) as patience:
                return await self._watched(question(), trying=trying)
        except TimeoutError:
            if not patience.expired():
                raise
            self._failed(trying=trying)
            raise lost(f"the store did not answer within {limit:g} seconds; see whether it hangs") from None
        finally:
            if trying:
                self._tried_until = -math.inf

    def _enter(self) -> bool:
        """Whether this is the one who tries. Raises `StoreUnavailable` for the others."""
        if self._until is None:
            return False
        now = self._monotonic()
        if now < max(self._until, self._tried_until):
            self.refused += 1
            raise StoreUnavailable("the store was away a moment ago, and is asked again soon; see whether it runs")
        self._tried_until = now + self._limit
        return True

    async def _watched(self, answer: Awaitable[A], *, trying: bool) -> A:
        asked_at = self._monotonic()
        try:
            result = await answer
        except StoreError as error:
            if isinstance(error, StoreUnavailable) and not isinstance(error, _THERE):
                self._failed(trying=trying, prompt=self._monotonic() - asked_at < PROMPT)
            else:
                self._answered()  # a refusal is an answer, too
            raise
        self._answered()
        return result

    def _answered(self) -> None:
        self._until, self._pause = None, 0.0

    def _failed(self, *, trying: bool, prompt: bool = False) -> None:
        """Take note that a question failed; `trying`: it was the one that was let through."""
        now = self._monotonic()
        if self._until is not None and (not trying or now < self._until):
            return  # asked before another has failed
        if prompt and not trying:
            self._until = now
            return
        if not self._pause:
            self.breaks += 1
        self._pause = min(2 * self._pause, LONGEST_PAUSE) if self._pause else FIRST_PAUSE
        self._until = now + self._pause * chance.uniform(0.5, 1)
