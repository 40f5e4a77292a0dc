"""Predecessors: what has expired at the key of a certificate is announced before another takes its place."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from sojourn.core.record import Record
from sojourn.errors import Conflict, StoreError
from sojourn.inbound.ending import Endings
from sojourn.inbound.ending.endings import LEASE
from sojourn.store.base import Ending, Leases, Store, Sweeps, power

__all__ = ["Predecessors"]


class Predecessors:
    """An id that is made up is used once; a certificate comes again, maybe before its last session was swept."""

    def __init__(self, store: Store, endings: Endings) -> None:
        """`endings`: announces them."""
        self._store = store
        self._endings = endings
        self._leases = power(store, Leases)
        self._sweeps = power(store, Sweeps)

    @asynccontextmanager
    async def announced(self, record: Record) -> AsyncIterator[None]:
        """Save `record`, which begins a session, within this. Raises `Conflict` when another has begun one there.

        To announce what has expired is to claim whatever is there: so one request at a time does it, or it could be
        what another has just begun.
        """
        if self._leases is None or self._sweeps is None or not self._endings.heard:
            yield
            return
        place = msgspec.structs.replace(record, ref=record.key)
        holder = secrets.token_hex(8)
        if not await self._leases.hold(place, holder, seconds=LEASE):
            raise Conflict
        try:
            if (begun := await self._store.load(record.key, record.app)) is not None:
                raise Conflict(begun)
            await self._announce(self._sweeps, record)
            yield
        finally:
            with contextlib.suppress(StoreError):  # then it runs out
                await self._leases.release(place, holder)

    async def _announce(self, sweeps: Sweeps, record: Record) -> None:
        asked_at = self._endings.monotonic()
        old = await sweeps.end(record.key, record.app, reason="idle", lease=LEASE)
        if old is not None:
            reached = old.expires_at >= old.absolute_at
            ending = Ending(record=old, reason="absolute" if reached else "idle")
            await self._endings.announce([ending], asked_at=asked_at)
