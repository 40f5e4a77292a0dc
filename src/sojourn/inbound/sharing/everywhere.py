"""Everywhere: a visitor's sessions end in all applications at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

from sojourn.core.events import Reason
from sojourn.core.ids import SessionId
from sojourn.core.record import Record
from sojourn.inbound.ending import Endings
from sojourn.inbound.ending.endings import LEASE
from sojourn.inbound.listeners import Listeners
from sojourn.inbound.sharing.anchors import ANCHORS, SharedRecord, anchor_ref, is_place, names, place
from sojourn.inbound.sharing.store import SharedStore
from sojourn.store.base import Sweeps, power

__all__ = ["Everywhere"]


class Everywhere:
    """Ends what is under one id: first the id, so that all refuse it, then each application's session."""

    def __init__(self, store: SharedStore, listeners: Listeners) -> None:
        """`listeners`: who is told of each session."""
        self._store = store
        self._inner = store.inner
        self._sweeps = power(self._inner, Sweeps)
        self._endings = Endings(self._inner, listeners)

    async def end(self, record: Record | None, given: SessionId | None, reason: Reason) -> bool:
        """End all sessions under the id of `record`, or under the id `given`; False when there was none."""
        known = await self._anchor(record, given)
        if known is None:
            return False
        while (taken := await self._take_out(known, reason)) is None:
            moved = await self._store.anchor(known.ref)  # at a sign-in, which leaves nothing to follow
            if moved is None or moved.key == known.key:
                break  # another has ended it, and perhaps died before the sessions had
            known = moved
        done = await asyncio.gather(*self._each(taken or known, reason))
        if self._sweeps is not None and taken is not None:
            await self._sweeps.forget([taken])
        return taken is not None or any(done)

    def _each(self, anchor: Record, reason: Reason) -> Iterable[Awaitable[bool]]:
        for app, name in names(anchor).items():
            yield self._end(place(anchor.key, anchor.ref, name), app, reason)

    async def _end(self, at: str, app: str, reason: Reason) -> bool:
        record = await self._inner.load(at, app)
        return record is not None and await self._endings.end(record, reason)

    async def _anchor(self, record: Record | None, given: SessionId | None) -> Record | None:
        if isinstance(record, SharedRecord):
            return record.link.anchor
        if record is not None and is_place(record.key):
            return await self._store.anchor(anchor_ref(record.key))
        key = record.key if record is not None else None if given is None else given.key
        return None if key is None else await self._inner.load(key, ANCHORS)

    async def _take_out(self, anchor: Record, reason: Reason) -> Record | None:
        if self._sweeps is not None:
            return await self._sweeps.end(anchor.key, ANCHORS, reason=reason, lease=LEASE)
        return anchor if await self._inner.delete(anchor.key, ANCHORS) else None
