"""NearStore: a store around a store, that serves from memory what cannot have changed."""

from __future__ import annotations

import asyncio
import os
import time
import weakref

from sojourn.core.events import Reason
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import SettingError
from sojourn.store.around import Around
from sojourn.store.base import Ending, Keeps, Opens, Recalls, Store, Tells, Watches, WhenFull, power
from sojourn.store.near.copies import Copies
from sojourn.store.near.counts import Counts
from sojourn.store.near.entries import Place, place_of
from sojourn.store.near.flights import Flights
from sojourn.store.near.pending import News
from sojourn.store.near.settings import Near
from sojourn.store.near.watch import Pulse, Watch

__all__ = ["NearStore"]


class NearStore(Around):
    """Keeps copies of the records that pass through, and recalls them for those who tell which version they saw.

    A copy is served if it is live, no older than that version, and the watch is alive: so what is changed elsewhere
    is served for `Near.silence` seconds at most, and to nobody who has seen it. A session that ends here is refused
    here at once. A copy that seems to have expired is a miss, not an end: another node may have put that off.

    `load` always asks the store. Threads may share it, and so may several event loops; the watch runs in the loop that
    comes first. After a fork it is empty.
    """

    adds = (Opens, Recalls, Keeps)

    _copies: Copies
    _flights: dict[asyncio.AbstractEventLoop, Flights]
    _pulse: Pulse
    _watch: Watch

    def __init__(
        self,
        inner: Store,
        near: Near = Near(),  # noqa: B008 - it is frozen
        *,
        node: str,
        clock: Clock | None = None,
        monotonic: Clock = time.monotonic,
        outlive: bool = False,
    ) -> None:
        """`inner`: the store. Raises `SettingError` when it lacks `Watches`. `near`: the bounds.

        `node`: whose memory it is, for the log. `clock`: tells the time in seconds since the epoch; when it is None,
        that is the clock of `inner`. `monotonic`: tells how long the watch has been silent. `outlive`: hold the copies,
        when the watch breaks, for those who ask what was `kept`.
        """
        super().__init__(inner)
        watches = power(inner, Watches)
        if watches is None:
            raise SettingError(f"near=…: {type(inner).__name__} does not tell what changes in it; give near=None")
        tells = power(inner, Tells)
        self._watches = watches
        self._near = near
        self._node = node
        self._clock = clock if clock is not None else time.time if tells is None else tells.now
        self._monotonic = monotonic
        self._outlive = outlive
        self._begin()
        _STORES.add(self)

    # --- reading -------------------------------------------------------------------------------------------------

    def recall(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`."""
        return self._copies.recall((key, app), version)

    async def fetch(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`."""
        self._watch.start()
        place = (key, app)
        record = self._copies.came(place, version)
        if record is None:
            flights = self._here()
            record, joined = await flights.bring(place)
            if joined and not self._copies.final(record, version):
                record, _ = await flights.bring(place)  # this one began later than we came, so there is no newer
            self._copies.brought(record, version)
        return record

    def kept(self, key: str, app: str) -> Record | None:
        """As `Keeps`; those of before the watch broke where the copies `outlive` it."""
        return self._copies.kept((key, app))

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        self._watch.start()
        place = (key, app)
        news = self._copies.ask(place)
        try:
            return await self._load(place, news)
        finally:
            self._copies.answered(place, news)

    async def _load(self, place: Place, news: News) -> Record | None:
        async with self._here().bound:
            record = await self.inner.load(*place)
        self._copies.loaded(place, record, news)
        return record

    # --- writing -------------------------------------------------------------------------------------------------

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        self._watch.start()
        news = self._copies.ask(place_of(record))
        try:
            await self.inner.save(record, over=over)
        except BaseException:
            self._copies.drop(record, over)
            raise
        else:
            self._copies.saved(record, over, news)
        finally:
            self._copies.answered(place_of(record), news)

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        self._watch.start()
        news = self._copies.ask(place_of(record))
        try:
            evicted = await super().admit(record, over=over, limit=limit, when_full=when_full, lease=lease)
        except BaseException:
            self._copies.drop(record, over)
            raise
        else:
            self._copies.saved(record, over, news)
            self._copies.ended_all(evicted)
            return evicted
        finally:
            self._copies.answered(place_of(record), news)

    async def touch(self, record: Record) -> bool:
        """As `Store`."""
        self._watch.start()
        touched = False
        try:
            touched = await self.inner.touch(record)
        finally:
            if touched:
                self._copies.touched(record)
            else:
                self._copies.drop(record)
        return touched

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`."""
        self._watch.start()
        deleted = False
        try:
            deleted = await self.inner.delete(key, app)
        finally:
            if deleted:
                self._copies.ended((key, app))
            else:
                self._copies.drop_at((key, app))
        return deleted

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`."""
        self._watch.start()
        ended: Record | None = None
        try:
            ended = await super().end(key, app, reason=reason, lease=lease)
        finally:
            if ended is not None:
                self._copies.ended((key, app), ended.ref)
                self._copies.ended_all([ended])
            else:
                self._copies.drop_at((key, app))
        return ended

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`."""
        endings = await super().claim(limit=limit, lease=lease)
        self._copies.ended_all([ending.record for ending in endings])
        return endings

    # --- opening -------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """As `Opens`."""
        await super().open()
        self._watch.start()

    async def close(self) -> None:
        """As `Opens`."""
        await self._watch.stop()
        await self._here().finish()
        await super().close()

    @property
    def counts(self) -> Counts:
        """What became of those who asked."""
        return self._copies.counts

    @property
    def entries(self) -> int:
        """How many copies are kept."""
        return len(self._copies.entries)

    @property
    def size(self) -> int:
        """What they take, in bytes."""
        return self._copies.entries.size

    @property
    def healthy(self) -> bool:
        """Whether the watch is alive, so that copies are kept and served."""
        return self._pulse.beating()

    def _here(self) -> Flights:
        """The flights of the running event loop."""
        loop = asyncio.get_running_loop()
        flights = self._flights.get(loop)
        if flights is None:
            flights = Flights(self._load, self._copies.ask, self._copies.answered, most=self._near.loads)
            self._flights = {each: of for each, of in self._flights.items() if not each.is_closed()} | {loop: flights}
        return flights

    def _begin(self) -> None:
        self._pulse = Pulse(self._near.silence, self._monotonic)
        self._copies = Copies(self._near, clock=self._clock, pulse=self._pulse, outlive=self._outlive)
        self._flights = {}
        self._watch = Watch(
            self._watches,
            heard=self._copies.heard,
            missed=self._copies.missed,
            off=self._copies.off,
            broke=self._copies.broke,
            pulse=self._pulse,
            node=self._node,
        )


# What the parent has heard the child has not: no task comes along in a fork, and no thread that holds a lock.
_STORES: weakref.WeakSet[NearStore] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for store in list(_STORES):
        store._begin()  # noqa: SLF001 - a part of the class, that is done once for all


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
