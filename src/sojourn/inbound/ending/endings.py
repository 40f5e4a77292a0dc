"""Endings: a session ends at once, and its end is announced before it is forgotten."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Protocol

from sojourn.core.events import Listeners, Reason, SessionEnded
from sojourn.core.lifetime import Clock
from sojourn.core.record import BACKENDS, Record
from sojourn.errors import OutcomeUnknown, StoreError
from sojourn.inbound.doubt import ask_again
from sojourn.store.base import Ending, Lists, Query, Store, Sweeps, power

__all__ = ["LEASE", "Endings"]

LEASE = 60.0  # seconds a node may take to announce what it has claimed before another does it again

_log = logging.getLogger(__name__)


class Find(Protocol):
    """A search that is done page by page."""

    def __call__(self, *, after: str) -> Awaitable[list[Record]]:
        """The page after that ref."""
        ...


class Endings:
    """Ends sessions of one node's store.

    With listeners and a store that `Sweeps`, a session is claimed, announced, then forgotten: if this node dies in
    between, another announces it again. Without either, nothing can be lost, and it is deleted in one step.
    """

    def __init__(self, store: Store, listeners: Listeners, *, monotonic: Clock = time.monotonic) -> None:
        """`listeners`: who is told. `monotonic`: tells when a claim has run out."""
        self.monotonic = monotonic
        self._store = store
        self._listeners = listeners
        self._sweeps = power(store, Sweeps)
        self._lists = power(store, Lists)

    @property
    def heard(self) -> bool:
        """Whether anybody listens on this node."""
        return bool(self._listeners)

    async def end(self, record: Record, reason: Reason) -> bool:
        """End the session of `record`, under whichever id it is by now. False when it has ended already."""
        doubt = False
        while True:
            try:
                ended = await self._end(record, reason)
            except OutcomeUnknown as unknown:
                doubt = True
                ended = await ask_again(partial(self._end, record, reason), unknown)
            if ended:
                return True
            # A sign-in may have given it a new id meanwhile, and leaves nothing to follow.
            query = Query(app=record.app, ref=record.ref)
            found = await self._lists.find(query) if self._lists is not None else []
            if not found or found[0].key == record.key:
                break
            record = found[0]
        if doubt and self._sweeps is None:  # a store that sweeps has kept it, and announces it when the lease is over
            self._tell(record, reason)
        return doubt

    async def end_all(self, find: Find, *, but: str | None, begun: float) -> int:
        """End what `find` finds, page by page, except the session of the ref `but`. Returns how many there were.

        In further rounds, since a search may pass over a session that gets a new id at that moment; those leave what
        was created after `begun` alone, or they would not end while visitors come.
        """
        ended = 0
        while True:
            before, after = ended, ""
            while page := await find(after=after):
                old = [record for record in page if record.ref != but and (not before or record.created_at <= begun)]
                ended += sum(await asyncio.gather(*(self.end(record, "revoked") for record in old)))
                after = page[-1].ref
            if ended == before:
                return ended

    async def announce(self, endings: Sequence[Ending], *, asked_at: float) -> int:
        """Tell of sessions that were claimed, and forget them. Returns how many there were.

        `asked_at`: when they were asked for, by `monotonic`. Those whose claim has run out since, because this process
        stood still, are left to whoever has claimed them by now.
        """
        told: list[Record] = []
        for ending in endings:
            if self.monotonic() - asked_at >= LEASE:
                _log.warning("%d ends are left to others to announce: it took too long", len(endings) - len(told))
                break
            self._tell(ending.record, ending.reason)
            told.append(ending.record)
        sessions = sum(map(_of_visitors, told))
        if self._sweeps is None or not told:
            return sessions
        try:
            await self._sweeps.forget(told)
        except StoreError as error:  # they have ended all the same: a sweep forgets them, and tells the same again
            _log.warning("%d sessions that have ended will be announced again: %s", len(told), error)
        return sessions

    async def _end(self, record: Record, reason: Reason) -> bool:
        if self._sweeps is None or not self.heard:
            if not await self._store.delete(record.key, record.app):
                return False
            self._tell(record, reason)
            return True
        asked_at = self.monotonic()
        ended = await self._sweeps.end(record.key, record.app, reason=reason, lease=LEASE)
        if ended is None:
            return False
        await self.announce([Ending(record=ended, reason=reason)], asked_at=asked_at)
        return True

    def _tell(self, record: Record, reason: Reason) -> None:
        if self.heard and _of_visitors(record):
            self._listeners.tell(SessionEnded.of(record, reason))


def _of_visitors(record: Record) -> bool:
    """Whether it is a session of an application's: not what several of them share, and none at a back end."""
    return bool(record.app) and not record.app.startswith(BACKENDS)
