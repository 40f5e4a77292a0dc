"""Everywhere: a visitor's sessions end in all applications at once."""

from __future__ import annotations

import asyncio
from functools import partial

from sojourn.core.events import Listeners, Reason
from sojourn.core.record import Record
from sojourn.errors import OutcomeUnknown, StoreUnavailable
from sojourn.inbound.doubt import ask_again
from sojourn.inbound.ending import Endings
from sojourn.inbound.ending.endings import LEASE
from sojourn.inbound.sharing.anchors import ANCHORS, applications, place
from sojourn.inbound.sharing.store import SharedStore
from sojourn.store.base import Sweeps, power

__all__ = ["Everywhere"]


class Everywhere:
    """Ends what is under one id: first the anchor, so that all refuse it, then each application's session."""

    def __init__(self, store: SharedStore, listeners: Listeners) -> None:
        """`listeners`: who is told of each session."""
        self._store = store
        self._sweeps = power(store.inner, Sweeps)
        self._endings = Endings(store.inner, listeners)

    async def end(self, key: str, reason: Reason) -> bool:
        """End all sessions under the id of `key`, or beside that at the place `key`; False when there are none.

        Raises `StoreUnavailable` when the id is a new one since, which only the visitor knows.
        """
        anchor = await self._store.anchor(key)
        if anchor is None:
            if await self._store.moved(key, ANCHORS):
                raise StoreUnavailable("the sessions that were to end were out of reach and go on; try again")
            return False
        while (ended := await self._take_out(anchor, reason)) is None:
            current = await self._store.anchor(place(anchor, ANCHORS))  # moved meanwhile, or ended by another
            if current is None or current.key == anchor.key:
                break
            anchor = current
        last = ended or anchor  # applications that came since it was looked at are in what was taken out
        done = await asyncio.gather(*(self._end(place(last, app), app, reason) for app in applications(last)))
        if self._sweeps is not None:
            await self._sweeps.forget([last])
        return ended is not None or any(done)

    async def _end(self, at: str, app: str, reason: Reason) -> bool:
        record = await self._store.inner.load(at, app)
        return record is not None and await self._endings.end(record, reason)

    async def _take_out(self, anchor: Record, reason: Reason) -> Record | None:
        take = partial(self._taken, anchor, reason)
        try:
            return await take()
        except OutcomeUnknown as unknown:
            return await ask_again(take, unknown)

    async def _taken(self, anchor: Record, reason: Reason) -> Record | None:
        if self._sweeps is not None:
            return await self._sweeps.end(anchor.key, ANCHORS, reason=reason, lease=LEASE)
        return anchor if await self._store.inner.delete(anchor.key, ANCHORS) else None
