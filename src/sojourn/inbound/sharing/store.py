"""SharedStore: a store around a store, in which several applications have sessions under one id."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from sojourn.core.events import Listeners, Reason
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached, OutcomeUnknown, Overtaken, StoreFull
from sojourn.inbound.doubt import save_again
from sojourn.inbound.ending import Endings
from sojourn.inbound.keeping.predecessors import Predecessors
from sojourn.inbound.sharing.anchors import (
    ANCHORS,
    anchor_ref,
    applications,
    blank,
    first,
    is_place,
    led,
    place,
    resting,
    seen,
    used,
)
from sojourn.store.around import Around
from sojourn.store.base import Lists, Query, Store, WhenFull

__all__ = ["SharedStore"]

Put = Callable[[Record, Record | None], Awaitable[None]]

TRIES = 100  # collisions with other applications in a row before a save gives up
LOOKS = 3  # at a session that was signed in to between two questions
PAUSE = 0.01  # seconds until what ended at a place may have been announced


class SharedStore(Around):
    """Shows the sessions of applications as if each rested under the id; see `anchors` for where they do.

    The anchor goes first, always: whoever saves has it found where the request came in, in the epoch in which it came,
    and where an id is given out it is there before the session is. So of two that give out an id in place of one, in
    whichever applications, one is Gone; and what is stored after a sign-in can be reached by the new id alone.

    Where an anchor is live and the application has no session, it is shown one that is `blank`, of version 0. A save
    over that begins one under the id; a save over nothing begins the id, too.
    """

    def __init__(self, inner: Store, listeners: Listeners, clock: Clock) -> None:
        """`listeners`: are told of what has expired at a place before another takes it.

        `clock`: tells the time in seconds since the epoch.
        """
        super().__init__(inner)
        self._clock = clock
        self._lists = self._asked(Lists)
        self._predecessors = Predecessors(inner, Endings(inner, listeners))

    # --- reading -------------------------------------------------------------------------------------------------

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        if is_place(key):
            return await self.inner.load(key, app)
        for _ in range(LOOKS):
            anchor = await self.inner.load(key, ANCHORS)
            if anchor is None:
                return None
            if (record := await self._under(anchor, app, key)) is not None:
                return record
        return None

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        return await super().moved(key, app if is_place(key) else ANCHORS)

    async def anchor(self, key: str) -> Record | None:
        """The anchor that a key leads to, or from which a place is found: the latter to end it, or to know it lives."""
        if not is_place(key):
            return await self.inner.load(key, ANCHORS)
        found = await self._lists.find(Query(app=ANCHORS, ref=anchor_ref(key)))
        return found[0] if found else None

    # --- writing -------------------------------------------------------------------------------------------------

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`. Asks again by itself where an answer was lost."""
        await self._save(record, over, lambda record, over: self.inner.save(record, over=over))

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        evicted: list[Record] = []
        admit = super().admit

        async def put(record: Record, over: Record | None) -> None:
            evicted.extend(await admit(record, over=over, limit=limit, when_full=when_full, lease=lease))

        await self._save(record, over, put)
        return evicted

    async def touch(self, record: Record) -> bool:
        """As `Store`: the times of the anchor, too."""
        anchor = None if record.blank else await self.anchor(record.key)
        if anchor is None or not (is_place(record.key) or (anchor.key, anchor.epoch) == (record.key, record.epoch)):
            return False
        now = self._clock()
        await self.inner.touch(used(anchor, record, now))
        return await self.inner.touch(resting(record, anchor, now))

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`: the session of this application alone."""
        at = await self._place(key, app)
        return at is not None and await self.inner.delete(at, app)

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`: the session of this application alone."""
        at = await self._place(key, app)
        return None if at is None else await super().end(at, app, reason=reason, lease=lease)

    # --- steps of a save -----------------------------------------------------------------------------------------

    async def _save(self, record: Record, over: Record | None, put: Put) -> None:
        now = self._clock()
        if over is None:
            await self._begin(record, put, now)
        elif is_place(over.key):  # found from outside, under no id
            await put(record, over)
            if (anchor := await self.anchor(over.key)) is not None:
                await self.inner.touch(used(anchor, record, now))
        else:
            anchor, known = await self._lead(record, over, now)
            try:
                if over.blank:
                    await self._add(resting(record, anchor, now), anchor, put, known=known)
                else:
                    await _surely(self.inner, put, resting(record, anchor, now), resting(over, anchor, now))
            except Conflict:
                raise Conflict(await self._instead(anchor, over)) from None

    async def _begin(self, record: Record, put: Put, now: float) -> None:
        anchor = first(record, now)
        await _surely(self.inner, self._put, anchor, None)
        try:
            await _surely(self.inner, put, resting(record, anchor, now), None)
        except (LimitReached, StoreFull):  # then the id is not given out
            await self.inner.delete(anchor.key, ANCHORS)
            raise

    async def _lead(self, record: Record, over: Record, now: float) -> tuple[Record, bool]:
        """The anchor, at the key of `record` and in its epoch by now; and whether it knew the application before.

        Raises `Gone` when it has ended, or moved at a sign-in; `Conflict` when it was renewed.
        """
        moves = record.key != over.key
        for _ in range(TRIES):
            anchor = await self.inner.load(over.key, ANCHORS)
            if moves and (anchor is None or anchor.key == record.key):
                return await self._led_before(anchor, record), True
            if anchor is None or anchor.epoch != over.epoch:
                raise Gone
            if anchor.key != over.key:
                raise Conflict(await self._under(anchor, over.app, over.key))
            known = record.app in applications(anchor)
            if known and not moves:
                await self._keep(anchor, record, now)
                return anchor, known
            with contextlib.suppress(Conflict, Gone):  # another application was faster: it is looked at anew
                newer = led(anchor, record, now)
                if await _save(self.inner, self._put, newer, anchor) is None:
                    return newer, known
        raise Overtaken(
            f"session {record.ref}: {TRIES} tries in a row met a newer anchor; nothing was saved, try again"
        )

    async def _led_before(self, anchor: Record | None, record: Record) -> Record:
        """The anchor at the key of `record`, if this very save has brought it there: nobody else knows that key."""
        anchor = anchor or await self.inner.load(record.key, ANCHORS)
        if anchor is None or anchor.epoch != record.epoch:
            raise Gone
        return anchor

    async def _keep(self, anchor: Record, record: Record, now: float) -> None:
        """Let the anchor outlive `record`, and know that its id is used."""
        if record.expires_at > anchor.expires_at or anchor.accessed_at <= anchor.renewed_at:
            await self.inner.touch(used(anchor, record, now))

    async def _add(self, record: Record, anchor: Record, put: Put, *, known: bool) -> None:
        """Begin a session at its place."""
        if known:
            async with self._predecessors.announced(record):
                await _surely(self.inner, put, record, None)
        else:
            await _surely(self.inner, put, record, None)
        # All may have ended meanwhile: then nobody would reach it, and nobody end it.
        if await self.inner.load(anchor.key, ANCHORS) is None and await self.anchor(record.key) is None:
            await self.inner.delete(record.key, record.app)
            raise Gone

    async def _instead(self, anchor: Record, over: Record) -> Record:
        """What is stored instead of `over`, as seen by who came for that. Raises `Gone`."""
        stored = await self.inner.load(place(anchor, over.app), over.app)
        if stored is None and over.blank:
            await asyncio.sleep(PAUSE)  # what was there before is being announced
            return over
        if stored is None or stored.epoch > over.epoch:
            raise Gone
        return msgspec.structs.replace(
            stored, key=over.key, epoch=over.epoch, accessed_at=over.accessed_at, renewed_at=over.renewed_at
        )

    async def _put(self, record: Record, over: Record | None) -> None:
        await self.inner.save(record, over=over)

    # --- finding -------------------------------------------------------------------------------------------------

    async def _under(self, anchor: Record, app: str, came: str) -> Record | None:
        """The session under `anchor`, or where one may begin; None when the anchor is not what it was any more."""
        known = app in applications(anchor)
        stored = await self.inner.load(place(anchor, app), app) if known else None
        if stored is None:
            return blank(anchor, app, self._clock())
        return None if stored.epoch > anchor.epoch else seen(stored, anchor, came)

    async def _place(self, key: str, app: str) -> str | None:
        if is_place(key):
            return key
        anchor = await self.inner.load(key, ANCHORS)
        return None if anchor is None else place(anchor, app)


async def _save(store: Store, put: Put, record: Record, over: Record | None) -> Record | None:
    """Save it; or return what is stored instead, when it could not be learned whether it was saved."""
    try:
        await put(record, over)
    except OutcomeUnknown as unknown:
        return await save_again(store, partial(put, record, over), record, over, unknown)
    return None


async def _surely(store: Store, put: Put, record: Record, over: Record | None) -> None:
    if await _save(store, put, record, over) is not None:
        raise OutcomeUnknown("the answer to a save was lost, and another has saved since; load the session again")
