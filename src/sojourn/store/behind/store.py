"""BehindStore: a store around a store that lets changes of data wait."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar
from weakref import WeakSet

from sojourn.core.events import Reason
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import StoreError
from sojourn.store.around import Around
from sojourn.store.base import SWEEP_DELAY, Ending, Flushes, Keeps, Opens, Query, Recalls, Store, Tells, WhenFull, power
from sojourn.store.behind.entry import Entry, first_use, only_data
from sojourn.store.behind.flushing import Flusher
from sojourn.store.behind.known import Known, Place
from sojourn.store.behind.queue import Queue
from sojourn.store.behind.saving import Counts, Saving, entry_is
from sojourn.store.behind.searching import overlaid
from sojourn.store.behind.settings import Behind

__all__ = ["BehindStore"]

A = TypeVar("A")


class BehindStore(Around):
    """Queues changes of data and saves them to `inner` a moment later; all else it saves at once.

    Only a change of a session is queued that is stored, belongs to the same and keeps its key. What is queued is served
    here and nowhere else; its versions go on rising (6, 7, 8 over the 5 that is stored), so that a visitor who was told
    of 8 is served the stored one elsewhere, as the final one. A change that this store does not know to be over
    what is stored is not queued: so what has ended on this node is not brought back, not even in memory.

    An end takes what is queued along to the listeners, a renewal to the new key. What another node stored meanwhile is
    put together with what is queued, attribute by attribute, when that is saved. What can be lost: see `Behind`.

    For one event loop at a time.
    """

    adds: ClassVar[tuple[type[Any], ...]] = (Opens, Flushes)

    def __init__(
        self,
        inner: Store,
        behind: Behind | None = None,
        *,
        clock: Clock | None = None,
        dropped: Callable[[Record], None] | None = None,
    ) -> None:
        """`inner`: nobody else may write to it from this process.

        `clock`: tells the time in seconds since the epoch; when it is None, that is the clock of `inner`. `dropped`:
        told of the newest record of a session whose queued changes are not stored: it has ended or changed hands
        elsewhere, or the store was away when this node stopped.
        """
        super().__init__(inner)
        self.behind = behind if behind is not None else Behind()
        self.counts = Counts()
        tells = power(inner, Tells)
        self._now = clock if clock is not None else time.time if tells is None else tells.now
        self._recalls = power(inner, Recalls)
        self._queue = Queue()
        self._known = Known(max(self.behind.queue_size, 10_000))
        self._saving = Saving(inner, self._queue, self._known, self.counts, dropped)
        self._flusher = Flusher(self.behind, self._queue, self._saving, self.counts)
        self._held: dict[Place, set[str]] = {}  # who here has a session alone, or did not give it back yet
        _stores.add(self)

    @property
    def depth(self) -> int:
        """How many sessions have unsaved changes."""
        return len(self._queue)

    @property
    def oldest(self) -> float:
        """For how many seconds the oldest unsaved change has waited; 0 when there is none."""
        entry = self._queue.oldest
        return 0.0 if entry is None else time.monotonic() - entry.queued_at

    async def flush(self) -> None:
        """As `Flushes`."""
        await self._flusher.flush()

    async def close(self) -> None:
        """As `Opens`, when all that is queued is saved; what cannot be within `Behind.drain` seconds is lost."""
        await self._flusher.drain()
        await super().close()

    # --- reading -------------------------------------------------------------------------------------------------

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`; what is queued is newer than what is stored."""
        return await self._newest(key, app, lambda: self.inner.load(key, app))

    async def fetch(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`."""
        return await self._newest(key, app, lambda: self._asked(Recalls).fetch(key, app, version))

    def recall(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`."""
        entry = self._queue.at(key, app)
        if entry is None:
            return None if self._recalls is None else self._recalls.recall(key, app, version)
        return entry.newest if self._serves(entry) and entry.newest.version >= version else None

    def kept(self, key: str, app: str) -> Record | None:
        """As `Keeps`."""
        entry = self._queue.at(key, app)
        return self._asked(Keeps).kept(key, app) if entry is None or not self._serves(entry) else entry.newest

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`."""
        return await overlaid(super().find, self._queue, query, limit=limit, after=after, now=self._now())

    async def _newest(self, key: str, app: str, ask: Callable[[], Awaitable[Record | None]]) -> Record | None:
        while True:
            entry = self._queue.at(key, app)
            if entry is not None and self._serves(entry):
                return entry.newest
            if entry is not None and entry.moving:
                await self._saving.save(entry)  # finds out where it is
                continue
            with self._known.look((key, app)) as look:
                record = await ask()
            if look.overtaken:
                continue
            if record is None:
                return None
            if record.key != key:  # it was renewed: what is queued of it, or under way, is at its new key
                return await self.load(record.key, app)
            newest = await self._with_queued(record)
            if newest is not None:
                return newest

    async def _with_queued(self, stored: Record) -> Record | None:
        """`stored` with what is queued of its session; None when the store has to be asked again."""
        entry = self._queue.of(stored)
        if entry is None:
            self._known.saw(stored)
            return stored
        if entry.base.version == stored.version:
            entry.touch(stored)
            return entry.newest
        await self._saving.save(entry)  # another node was here meanwhile
        return None

    def _serves(self, entry: Entry) -> bool:
        return entry.newest.expires_at > self._now() and not entry.moving

    # --- writing -------------------------------------------------------------------------------------------------

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        if over is not None and only_data(record, over) and await self._put(record, over):
            return
        await self._save(record, over, lambda base: self.inner.save(record, over=base))

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        admit = super().admit
        await self._save_expired()  # or they would not be counted

        async def send(base: Record | None) -> list[Record]:
            with self._saving.ending():
                evicted = await admit(record, over=base, limit=limit, when_full=when_full, lease=lease)
                return [self._saving.ended(each.key, each.app, each) or each for each in evicted]

        return await self._save(record, over, send)

    async def touch(self, record: Record) -> bool:
        """As `Store`; what is queued takes the times along."""
        entry = self._queue.at(record.key, record.app)
        if entry is None or entry.newest.ref != record.ref or entry.moving:
            return await self.inner.touch(record)
        used_first = first_use(record, entry.base)
        entry.touch(record)
        return await self.inner.touch(record) if used_first else True

    async def _save(self, record: Record, over: Record | None, send: Callable[[Record | None], Awaitable[A]]) -> A:
        if over is None:
            return await self._saving.create(record, send)
        return await self._saving.past(record, over, send)

    async def _put(self, record: Record, over: Record) -> bool:
        """Queue `record`, unless it has to be saved at once. Raises `Conflict` or `Gone`."""
        place = (over.ref, over.app)
        await self._saving.settle(place)
        entry = self._queue.of(over)
        if place in self._held:
            return False
        if entry is None:
            if not self._holds(over):
                return False
            if len(self._queue) >= self.behind.queue_size or self._flusher.draining:
                self.counts.full += 1
                self._flusher.hurry()
                return False
            self._queue.add(Entry(over, record, time.monotonic()))
        elif entry.moving:
            return False
        else:
            entry_is(entry, over)
            entry.newest = record
        self.counts.queued += 1
        self._flusher.start()
        return True

    def _holds(self, over: Record) -> bool:
        """Whether the store is known to hold `over`."""
        if over.expires_at + SWEEP_DELAY <= self._now():  # it may have been swept
            return False
        if self._known.holds(over):
            return True
        if self._recalls is None:
            return False
        copy = self._recalls.recall(over.key, over.app, over.version)
        return copy is not None and (copy.ref, copy.version) == (over.ref, over.version)

    # --- ending --------------------------------------------------------------------------------------------------

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`; what is queued is forgotten as well."""
        entry, ref = self._queue.at(key, app), self._known.ref_at(key, app)
        place = entry.place if entry is not None else None if ref is None else (ref, app)
        with self._saving.ending():
            try:
                deleted = await self.inner.delete(key, app)
            except BaseException:
                self._known.lost((key, app))  # it may have happened
                raise
            self._deleted(key, app, place, deleted=deleted)
        if deleted and place is None:
            await self._find_deleted(key, app)
        return deleted

    def _deleted(self, key: str, app: str, place: Place | None, *, deleted: bool) -> None:
        if not deleted:
            self._saving.absent(key, app)
        elif place is not None:
            self._known.lost((key, app), place)
            if (entry := self._queue.by(place)) is not None:
                self._queue.close(entry)

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`, with what is queued."""
        with self._saving.ending():
            try:
                ended = await super().end(key, app, reason=reason, lease=lease)
            except BaseException:
                self._known.lost((key, app))  # it may have happened
                raise
            return self._saving.ended(key, app, ended)

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`, with what is queued."""
        await self._save_expired()
        with self._saving.ending():
            return [
                Ending(
                    record=self._saving.ended(ending.record.key, ending.record.app, ending.record) or ending.record,
                    reason=ending.reason,
                )
                for ending in await super().claim(limit=limit, lease=lease)
            ]

    async def discard(self, *, limit: int) -> int:
        """As `Sweeps`, but for what is in use here."""
        await self._save_expired()
        return await super().discard(limit=limit)

    async def _save_expired(self) -> None:
        now = self._now()
        for entry in self._queue:
            if entry.base.expires_at <= now:  # it may be in use here
                with contextlib.suppress(StoreError):
                    await self._saving.save(entry)

    async def _find_deleted(self, key: str, app: str) -> None:
        """Take what was deleted from the queue, though it is not known which session that was.

        It was renewed elsewhere, and `key` led to it. Its new key has the same tag.
        """
        self._known.forget()
        for entry in self._queue:
            if (entry.newest.key[:2], entry.newest.app) == (key[:2], app):
                with contextlib.suppress(StoreError):
                    await self._saving.save(entry)

    # --- serialised access ---------------------------------------------------------------------------------------

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """As `Leases`. Until the right is given back the session is saved at once: other nodes wait for it.

        Also when it has run out, or another has it by now: then a save is refused where others stored something, and is
        not to wait for that.
        """
        place = (record.ref, record.app)
        holders = self._held.setdefault(place, set())
        first = holder not in holders
        holders.add(holder)  # also when the answer never comes
        held = await super().hold(record, holder, seconds=seconds)
        if not held:
            if first:
                self._let_go(place, holder)
        elif (entry := self._queue.by(place)) is not None:
            await self._saving.save(entry)
        return held

    async def release(self, record: Record, holder: str) -> None:
        """As `Leases`."""
        try:
            await super().release(record, holder)
        finally:
            self._let_go((record.ref, record.app), holder)

    def _let_go(self, place: Place, holder: str) -> None:
        holders = self._held.get(place, set())
        holders.discard(holder)
        if not holders:
            self._held.pop(place, None)

    def _begin(self) -> None:
        self._saving.begin()
        self._flusher.begin()
        self._held.clear()


_stores: WeakSet[BehindStore] = WeakSet()


def _after_fork_in_child() -> None:
    """In a forked child: what is queued came along, what was under way did not."""
    for store in list(_stores):
        store._begin()  # noqa: SLF001 - what the class does for all of them


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
