"""SharedStore: a store around a store, in which several applications have sessions under one id."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import msgspec

from sojourn.core.events import Reason
from sojourn.core.lifetime import GRACE, Clock
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached, OutcomeUnknown, StoreFull, StoreUnavailable
from sojourn.inbound.sharing.anchors import (
    ANCHORS,
    MARGIN,
    Link,
    SharedRecord,
    anchor_ref,
    blank,
    first,
    is_place,
    leading,
    name_for,
    name_of,
    names,
    place,
    seen,
    used,
)
from sojourn.store.around import Around
from sojourn.store.base import Leases, Lists, Moves, Query, Recalls, Store, Sweeps, WhenFull, power

__all__ = ["SharedStore"]

Put = Callable[[Record, Record | None], Awaitable[None]]

TRIES = 100  # collisions with other applications in a row before a save gives up


class SharedStore(Around):
    """Shows the sessions of one application as if they rested under the id; see `anchors` for where they do.

    An id is followed to its anchor, and from there to the session. Where the anchor is live and the application has no
    session, it gets one that is `blank`; where there is no anchor the id was not issued, or has ended. What is written:

    ================  ==================================================================================================
    the first         the anchor, then the session: no more than an anchor that leads nowhere can be left behind
    another           the session, then the anchor over what it was; if that has ended or moved, the session is dropped
    a change          the session
    a new id          the session, then the anchor over what it was, to the key of the new id
    a sign-in         the session to another place, then the anchor, which leads there, over what it was, to the key of
                      the new id: until that is stored, whoever is signed in there is out of everybody's reach
    ================  ==================================================================================================

    Each can be asked for again, with the same records, when it is not known how far it came.
    """

    def __init__(self, inner: Store, app: str, clock: Clock) -> None:
        """`app`: the application whose sessions are seen. `clock`: tells the time in seconds since the epoch."""
        super().__init__(inner)
        self._app = app
        self._clock = clock
        self._recalls = power(inner, Recalls)
        self._moves = power(inner, Moves)
        self._sweeps = power(inner, Sweeps)
        self._lists = power(inner, Lists)

    # --- reading -------------------------------------------------------------------------------------------------

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        if is_place(key):
            return await self.inner.load(key, app)
        anchor = await self.inner.load(key, ANCHORS)
        if anchor is None:
            return None
        name = names(anchor).get(app)
        record = None if name is None else await self.inner.load(_place(anchor, name), app)
        return self._blank(anchor, key) if name is None or record is None else seen(anchor, name, record, came=key)

    def recall(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`; version 0 for who was told none."""
        if self._recalls is None or (anchor := self._recalls.recall(key, ANCHORS, 0)) is None:
            return None
        name = names(anchor).get(app)
        if name is None:
            return None if version else self._blank(anchor, key)
        record = self._recalls.recall(_place(anchor, name), app, version) if version else None
        return None if record is None else seen(anchor, name, record, came=key)

    async def fetch(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`; version 0 for who was told none.

        A copy of an anchor may be older than what the visitor has seen: then the session at its place is, too.
        """
        recalls = self._asked(Recalls)
        anchor = await recalls.fetch(key, ANCHORS, 0)
        if anchor is None:
            return None
        name = names(anchor).get(app)
        if name is None and not version:
            return self._blank(anchor, key)
        if name is not None and version:
            record = await recalls.fetch(_place(anchor, name), app, version)
            if record is not None and record.version >= version:
                return seen(anchor, name, record, came=key)
        return await self.load(key, app)

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        return await self._asked(Moves).moved(key, app if is_place(key) else ANCHORS)

    async def anchor(self, ref: str) -> Record | None:
        """The anchor of that ref, under whichever id it is by now; None also where the store cannot be searched."""
        found = [] if self._lists is None else await self._lists.find(Query(app=ANCHORS, ref=ref))
        return found[0] if found else None

    # --- writing -------------------------------------------------------------------------------------------------

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        await self._save(record, over, lambda record, over: self.inner.save(record, over=over))

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        evicted: list[Record] = []

        async def put(record: Record, over: Record | None) -> None:
            ask = super(SharedStore, self).admit
            evicted.extend(await ask(record, over=over, limit=limit, when_full=when_full, lease=lease))

        await self._save(record, over, put)
        return evicted

    async def touch(self, record: Record) -> bool:
        """As `Store`: the time of use of the id, too."""
        if is_place(record.key):
            return await self.inner.touch(record)
        link = await self._link(record)
        if link is None:
            return False
        at_anchor = await self._touch_anchor(link, record)
        return at_anchor if _is_blank(record) else await self.inner.touch(_at(record, link.place))

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`: the session of this application alone."""
        at = await self._place_of(key, app)
        return at is not None and await self.inner.delete(at, app)

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`: the session of this application alone."""
        at = await self._place_of(key, app)
        return None if at is None else await super().end(at, app, reason=reason, lease=lease)

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """As `Leases`; what is not stored belongs to each request alone."""
        if _is_blank(record):
            return True
        return await self._asked(Leases).hold(await self._resting(record), holder, seconds=seconds)

    async def release(self, record: Record, holder: str) -> None:
        """As `Leases`."""
        if not _is_blank(record):
            await self._asked(Leases).release(await self._resting(record), holder)

    # --- steps of a save -----------------------------------------------------------------------------------------

    async def _save(self, record: Record, over: Record | None, put: Put) -> None:
        if over is None:
            await self._begin(record, put)
            return
        if is_place(over.key):  # found from outside, under no id
            await put(record, over)
            if (anchor := await self.anchor(anchor_ref(record.key))) is not None:
                await self._touch_anchor(Link(anchor, "", bound=True), record)
            return
        link = await self._link(over)
        if link is None:
            raise Gone
        if record.key == over.key:
            await self._change(link, record, over, put)
        else:
            await self._renew(link, record, over, put, signs_in=record.epoch != over.epoch)

    async def _begin(self, record: Record, put: Put) -> None:
        anchor = first(record)
        try:
            await self.inner.save(anchor, over=None)
        except Conflict:
            found = await self.inner.load(record.key, ANCHORS)
            if found is None or found.ref != anchor.ref:
                raise
        try:
            await put(_at(record, _place(anchor, names(anchor)[self._app])), None)
        except (LimitReached, StoreFull):  # then the id is not given out
            await self.inner.delete(anchor.key, ANCHORS)
            raise

    async def _change(self, link: Link, record: Record, over: Record, put: Put) -> None:
        if _is_blank(over):
            await self._refuse_late(link, record)
        elif record.expires_at > link.anchor.expires_at or not (
            used(link.anchor) or record.accessed_at <= link.anchor.renewed_at
        ):
            await self._touch_anchor(link, record)
        await self._put(link, record, over, link.place, put)
        if not link.bound:
            await self._bind(link, record, first=_is_blank(over))

    async def _refuse_late(self, link: Link, record: Record) -> None:
        """Raise `Gone` where a sign-in of this application is about to give the visitor another id."""
        before = names(link.anchor).get(self._app)
        if before is None or self._moves is None or record.principal is not None:
            return
        if await self._moves.moved(_place(link.anchor, before), self._app):
            raise Gone

    async def _renew(self, link: Link, record: Record, over: Record, put: Put, *, signs_in: bool) -> None:
        if signs_in and link.tried is None and not await self._is_live(link):
            raise Gone  # or the session would be taken away from who has the new id
        name = name_for(record.key) if signs_in else link.name
        to = _place(link.anchor, name)
        if link.anchor.key != record.key:
            await self._put(link, record, over, to, put)
            try:
                await self._move(link, record, name, signs_in=signs_in)
            except Gone:
                if signs_in:
                    await self._drop(to, announced=not _is_blank(over))
                raise
            except OutcomeUnknown:
                raise
            except StoreUnavailable as error:  # half of it is done: to be asked for again
                raise OutcomeUnknown(str(error)) from error
        link.name, link.bound = name, True

    async def _is_live(self, link: Link) -> bool:
        """Whether the id still leads to the anchor, which may have been a copy."""
        current = await self.inner.load(link.anchor.key, ANCHORS)
        return current is not None and current.epoch == link.anchor.epoch

    async def _put(self, link: Link, record: Record, over: Record, to: str, put: Put) -> None:
        """Store the session at its place, unless that was done when the same was asked for before."""
        resting = _at(record, to)
        base = None if _is_blank(over) else _at(over, link.place)
        again, link.tried = link.tried == resting, resting
        try:
            await put(resting, base)
        except (Conflict, Gone) as refusal:
            if (again or to != link.place) and _same(await self.inner.load(to, self._app), resting):
                return
            if isinstance(refusal, Gone):
                raise
            raise Conflict(await (self._newer if base is not None else self._rival)(link, over)) from None

    async def _newer(self, link: Link, over: Record) -> Record:
        """What is stored instead of `over`."""
        stored = await self.inner.load(link.place, self._app)
        if stored is None:
            raise Gone
        return seen(link.anchor, link.name, stored, came=over.key, bound=link.bound)

    async def _rival(self, link: Link, over: Record) -> Record | None:
        """What another request has begun at the same time: it has the same ref, at a place of its own.

        What a sign-in has left that died half-way is taken away. Raises `Gone` where that may still be under way.
        """
        found = [] if self._lists is None else await self._lists.find(Query(app=self._app, ref=over.ref))
        if not found:
            raise Gone
        if found[0].epoch == over.epoch:
            return seen(link.anchor, name_of(found[0].key), found[0], came=over.key, bound=False)
        if self._clock() - found[0].accessed_at < GRACE:
            raise Gone
        await self._drop(found[0].key, announced=False)
        return None

    async def _bind(self, link: Link, record: Record, *, first: bool) -> None:
        """Let the anchor lead to what was stored. Raises `Gone` when it has ended, or leads elsewhere.

        `first`: whether nothing was there before.
        """
        before = names(link.anchor).get(self._app)
        for _ in range(TRIES):
            anchor, newer = link.anchor, leading(link.anchor, record, link.name)
            with contextlib.suppress(Conflict, Gone):
                await self.inner.save(newer, over=anchor)
                link.anchor, link.bound = newer, True
                return
            current = await self.inner.load(anchor.key, ANCHORS)
            if current is None or current.epoch != anchor.epoch or names(current).get(self._app) != before:
                break
            link.anchor = current
        current = current or await self.anchor(link.anchor.ref)  # at a sign-in, which leaves nothing to follow
        if current is None or names(current).get(self._app) != link.name:
            await self._drop(link.place, announced=not first)
            raise Gone
        link.anchor, link.bound = current, True  # another request has saved over this, and had it lead there

    async def _move(self, link: Link, record: Record, name: str, *, signs_in: bool) -> None:
        """Bring the anchor to the key of the new id.

        Raises `Conflict` when it was renewed meanwhile, unless that is what a sign-in puts an end to; and `Gone`.
        """
        for _ in range(TRIES):
            anchor = link.anchor
            moved = leading(anchor, record, name, moves=True, signs_in=signs_in)
            try:
                await self.inner.save(moved, over=anchor)
            except (Conflict, Gone):
                current = await self.inner.load(record.key, ANCHORS) or await self.inner.load(anchor.key, ANCHORS)
                if current is None or current.ref != anchor.ref:
                    raise Gone from None
                link.anchor = current
                if current.key == record.key:  # done, when it was asked for before
                    return
                if current.epoch != anchor.epoch:
                    raise Gone from None
                if current.key != anchor.key and not signs_in:
                    stored = await self.load(anchor.key, self._app)
                    raise Conflict(stored) from None
            else:
                link.anchor = moved
                return
        raise Gone

    async def _drop(self, at: str, *, announced: bool) -> None:
        """Take away what no anchor leads to. What others were told of is left to a sweep to be announced."""
        if announced and self._sweeps is not None:
            await self._sweeps.end(at, self._app, reason="signed-out", lease=0.0)
        else:
            await self.inner.delete(at, self._app)

    async def _touch_anchor(self, link: Link, record: Record) -> bool:
        anchor = link.anchor
        touched = msgspec.structs.replace(
            anchor,
            accessed_at=max(anchor.accessed_at, record.accessed_at),
            expires_at=max(anchor.expires_at, record.expires_at + MARGIN),
        )
        if not await self.inner.touch(touched):
            return False
        if link.anchor is anchor:
            link.anchor = touched
        return True

    # --- finding -------------------------------------------------------------------------------------------------

    def _blank(self, anchor: Record, came: str) -> SharedRecord:
        return blank(anchor, self._app, names(anchor).get(self._app, ""), self._clock(), came=came)

    async def _link(self, record: Record) -> Link | None:
        """Where `record` is; None when its id leads nowhere any more."""
        if isinstance(record, SharedRecord):
            return record.link
        anchor = await self.inner.load(record.key, ANCHORS)
        name = None if anchor is None else names(anchor).get(self._app)
        return None if anchor is None or name is None else Link(anchor, name, bound=True)

    async def _resting(self, record: Record) -> Record:
        """`record`, as it is stored."""
        link = None if is_place(record.key) else await self._link(record)
        return record if link is None else _at(record, link.place)

    async def _place_of(self, key: str, app: str) -> str | None:
        if is_place(key):
            return key
        anchor = await self.inner.load(key, ANCHORS)
        name = None if anchor is None else names(anchor).get(app)
        return None if anchor is None or name is None else _place(anchor, name)


def _place(anchor: Record, name: str) -> str:
    return place(anchor.key, anchor.ref, name)


def _at(record: Record, key: str) -> Record:
    """`record`, as it is stored at `key`."""
    return Record(**{name: getattr(record, name) for name in Record.__struct_fields__} | {"key": key})


def _is_blank(record: Record) -> bool:
    return not record.stored


def _same(stored: Record | None, record: Record) -> bool:
    """Whether `stored` is what was asked to be stored; a touch may have come since."""
    if stored is None:
        return False
    return (stored.ref, stored.version, stored.node, stored.principal, stored.epoch, stored.data) == (
        record.ref,
        record.version,
        record.node,
        record.principal,
        record.epoch,
        record.data,
    )
