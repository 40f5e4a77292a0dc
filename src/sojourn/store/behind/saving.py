"""Saving: what goes from the queue to the store, and past the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached, OutcomeUnknown, Overtaken, StoreUnavailable
from sojourn.store.base import Store
from sojourn.store.behind.entry import Entry, same_hands, same_version
from sojourn.store.behind.known import Known, Place
from sojourn.store.behind.queue import Queue
from sojourn.store.behind.turns import Turns

__all__ = ["Counts", "Saving"]

A = TypeVar("A")

TRIES = 10  # collisions with other nodes in a row, before the entry waits for the next round


class Counts(msgspec.Struct):
    """What happened so far."""

    queued: int = 0
    """Changes that were queued."""
    flushed: int = 0
    """Saves of queued sessions; with several changes each, where they came quickly."""
    merged: int = 0
    """Queued sessions that another node had changed meanwhile."""
    dropped: int = 0
    """Queued sessions that could not be saved, since they had ended or changed hands elsewhere."""
    full: int = 0
    """Changes that were saved before the response, since the queue was full."""
    lost: int = 0
    """Queued sessions that were given up, since the store was away while this node stopped."""


class Saving:
    """Saves entries of the queue, and what must not wait, one write of a session after the other."""

    def __init__(
        self, inner: Store, queue: Queue, known: Known, counts: Counts, dropped: Callable[[Record], None] | None
    ) -> None:
        """`dropped`: told of the newest record of a session whose queued changes are not stored."""
        self._inner = inner
        self._queue = queue
        self._known = known
        self._counts = counts
        self._dropped = dropped
        self.begin()

    def begin(self) -> None:
        """Nothing is under way: at first, and in a forked child, where what the parent has begun never ends."""
        self._turns = Turns()
        self._passing: set[Place] = set()
        self._endings: set[asyncio.Future[None]] = set()

    async def settle(self, place: Place) -> None:
        """Wait for those who pass the queue by with this session: until then there is nothing to queue over."""
        while place in self._passing:
            async with self._turns.take(place):
                pass

    async def save(self, entry: Entry) -> None:
        """Save what is queued of a session. Raises `StoreUnavailable`, or `Overtaken`; then it waits on."""
        async with self._turns.take(entry.place):
            await self._save(entry)

    async def past(self, record: Record, over: Record, send: Callable[[Record], Awaitable[A]]) -> A:
        """Save `record` at once, with all that is queued of its session: `send` does it over what is stored.

        Raises what a save raises.
        """
        place = (over.ref, over.app)
        async with self._turns.take(place):
            entry = self._queue.of(over)
            if entry is not None and entry.moving:
                await self._find_out(entry)
                entry = self._queue.of(over)
            if entry is not None:
                entry_is(entry, over)
            self._passing.add(place)
            try:
                return await self._past(entry, record, over, send)
            finally:
                self._passing.discard(place)

    async def create(self, record: Record, send: Callable[[None], Awaitable[A]]) -> A:
        """Save a new session at once. Raises what a save raises."""
        with self._known.look((record.key, record.app), (record.ref, record.app)) as look:
            try:
                answer = await send(None)
            except Conflict as conflict:
                entry = None if conflict.stored is None else self._queue.of(conflict.stored)
                if entry is None:
                    raise
                raise Conflict(entry.newest) from None
        for entry in (self._queue.at(record.key, record.app), self._queue.of(record)):
            if entry is not None and not entry.closed:  # it had expired
                self.drop(entry)
        if not look.overtaken:
            self._known.saved(record)
        return answer

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Sessions are being ended here: until it is known which, nothing that is queued of them is given up."""
        over = asyncio.get_running_loop().create_future()
        self._endings.add(over)
        try:
            yield
        finally:
            self._endings.discard(over)
            over.set_result(None)

    def ended(self, key: str, app: str, ended: Record | None) -> Record | None:
        """What a session held that has ended, as `ended`, with what is queued of it; it is queued no more.

        `ended` is None when the store has nothing at `key`, to end or any more.
        """
        if ended is None:
            self.absent(key, app)
            return None
        entry = self._queue.of(ended)
        self._known.lost((key, app), (ended.key, app), (ended.ref, app))
        if entry is None:
            return ended
        newest = entry.onto(ended)
        if newest is None:
            self.drop(entry)
            return ended
        self._queue.close(entry)
        return newest

    def absent(self, key: str, app: str) -> None:
        """Take note that the store has nothing at `key`, and nothing that it leads to."""
        self._known.lost((key, app))
        entry = self._queue.at(key, app)
        if entry is not None and entry.place not in self._passing:
            self.drop(entry)

    def drop(self, entry: Entry) -> None:
        """Give up what is queued of a session."""
        self._queue.close(entry)
        self._known.lost((entry.newest.key, entry.newest.app), entry.place)
        self._counts.dropped += 1
        if self._dropped is not None:
            self._dropped(entry.newest)

    async def _save(self, entry: Entry) -> None:
        for _ in range(TRIES):
            if entry.sent is not None:  # an answer was lost
                await self._find_out(entry)
            if entry.closed or await self._stored(entry):
                return
        raise Overtaken(f"session {entry.newest.ref}: {TRIES} saves in a row met a newer version; it is tried again")

    async def _stored(self, entry: Entry) -> bool:
        """Save what is queued, once. False when it has to be tried again, or there is nothing left to save."""
        sent = entry.sent = entry.newest
        try:
            await self._inner.save(sent, over=entry.base)
        except Conflict as conflict:
            await self._rebase(entry, conflict.stored)
        except Gone:
            if self._endings:  # it may be one of those: then they take along what is queued
                await asyncio.wait(self._endings)
            self._give_up(entry)
        except OutcomeUnknown:
            raise  # it is found out at the next attempt
        except StoreUnavailable:
            entry.sent = None
            raise
        else:
            await self._saved(entry, sent)
            return True
        return False

    async def _saved(self, entry: Entry, sent: Record) -> None:
        entry.sent = None
        self._counts.flushed += 1
        if entry.closed:  # it has ended meanwhile
            return
        self._known.saved(sent)
        entry.base = sent
        if entry.newest.version > sent.version:
            return  # it has changed again meanwhile, and waits
        self._queue.close(entry)
        if entry.newest is not sent:  # touched meanwhile
            await self._inner.touch(entry.newest)

    async def _past(
        self, entry: Entry | None, record: Record, over: Record, send: Callable[[Record], Awaitable[A]]
    ) -> A:
        old = ((over.key, over.app), (over.ref, over.app))
        with self._known.look((record.key, record.app), (record.ref, record.app)) as look:
            try:
                answer = await (send(over) if entry is None else self._sent(entry, record, send))
            except BaseException as error:
                overtaken = look.overtaken
                self._known.lost(*old)  # it may have happened
                if entry is None and isinstance(error, Conflict) and error.stored is not None and not overtaken:
                    self._known.saw(error.stored)
                raise
        if record.key != over.key:
            self._known.lost((over.key, over.app))
        if not look.overtaken:  # else it has ended meanwhile
            self._known.saved(record)
        return answer

    async def _sent(self, entry: Entry, record: Record, send: Callable[[Record], Awaitable[A]]) -> A:
        entry.sent = record
        try:
            answer = await send(entry.base)
        except Conflict as conflict:
            await self._rebase(entry, conflict.stored)
            if entry.closed:
                raise
            raise Conflict(entry.newest) from None
        except Gone:
            self._give_up(entry)
            raise
        except OutcomeUnknown:
            raise  # it is found out when the entry is used next
        except (LimitReached, StoreUnavailable):
            entry.sent = None
            raise
        self._queue.close(entry)
        return answer

    async def _find_out(self, entry: Entry) -> None:
        """Learn whether what was sent is stored."""
        sent = entry.sent
        if sent is None:
            return
        stored = await self._inner.load(sent.key, sent.app)
        if stored is None and sent.key != entry.base.key:
            stored = await self._inner.load(entry.base.key, sent.app)
        self._take_up(entry, stored)

    async def _rebase(self, entry: Entry, stored: Record | None) -> None:
        """Put the entry onto what another node has stored; `stored` when that is known already."""
        if stored is None or stored.ref != entry.base.ref:
            stored = await self._inner.load(entry.base.key, entry.base.app)
        self._take_up(entry, stored)

    def _take_up(self, entry: Entry, stored: Record | None) -> None:
        if entry.closed:
            return
        newest = None if stored is None else entry.onto(stored)
        entry.sent = None
        if stored is None or newest is None:
            self._give_up(entry)
        elif newest is stored:
            self._queue.close(entry)
            self._known.saved(stored)
        elif newest is not entry.newest:
            self._counts.merged += 1
            self._queue.rebase(entry, stored, newest)
            self._known.saved(stored)
        else:
            entry.base = stored

    def _give_up(self, entry: Entry) -> None:
        entry.sent = None
        if not entry.closed:
            self.drop(entry)


def entry_is(entry: Entry, over: Record) -> None:
    """Raise `Conflict` or `Gone` when `over` is not what is queued."""
    newest = entry.newest
    if not same_hands(newest, over):
        raise Gone
    if newest.key != over.key or not same_version(newest, over):
        raise Conflict(newest)
