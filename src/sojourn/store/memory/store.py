"""The store in memory: what does not fit goes to disk, or is refused."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import msgspec

from sojourn.core.events import Reason
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached, SettingError, StoreFull
from sojourn.store.base import BEAT, Beat, Change, Ending, Query, WhenFull, page
from sojourn.store.memory.dicts import Dicts
from sojourn.store.memory.watcher import Watcher
from sojourn.store.tier import Left, Tier

__all__ = ["MemoryStore"]

ENTRIES = 100_000  # with 500 bytes in each they take 160 MB, which a small machine can spare


class _Lease(msgspec.Struct):
    holder: str
    until: float


class MemoryStore:
    """A `Store` with all powers, for one process. Each method is one step, for every task, event loop and thread.

    It never grows without bound: sessions beyond `entries` are kept in a SQLite file in the temporary directory, which
    is removed with the store; or they are refused with `StoreFull`. A session stays where it was created, so all that
    is asked for is the same for both: the memory is asked first, then the disk.
    """

    def __init__(
        self, *, entries: int = ENTRIES, full: Literal["swap", "refuse"] = "swap", clock: Clock = time.time
    ) -> None:
        """`entries`: sessions in memory. `full`: what becomes of others. `clock`: tells seconds since the epoch."""
        if entries < 1:
            raise SettingError(f"entries={entries!r}: give the number of sessions that memory may hold, from 1 on")
        if full not in ("swap", "refuse"):
            raise SettingError(f"full={full!r}: give swap or refuse")
        self._entries = entries
        self._full = full
        self._clock = clock
        self._lock = threading.Lock()  # sync code asks from the loop of the bridge, beside what a server has
        self._memory = Dicts(self._announce)
        self._tiers: list[Tier] = [self._memory]  # the disk comes when it is needed
        self._leases: dict[tuple[str, str], _Lease] = {}  # by ref, app
        self._changes = 0
        self._watchers: set[Watcher] = set()

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        with self._lock:
            now = self._clock()
            for tier in self._tiers:
                if (record := tier.load(key, app, now)) is not None:
                    return record
            return None

    def recall(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`."""
        with self._lock:
            now = self._clock()
            for tier in self._tiers:
                if (record := tier.load(key, app, now)) is not None:
                    return record if record.version >= version else None
            return None

    async def fetch(self, key: str, app: str, version: int) -> Record | None:  # noqa: ARG002 - it is what is stored
        """As `Recalls`."""
        return await self.load(key, app)

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        with self._lock:
            tier, expired = self._place(record, over)
            self._put(tier, record, over, expired)

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        with self._lock:
            tier, expired = self._place(record, over)
            others = [] if record.principal is None else self._others(record.principal, record.app, over)
            too_many = len(others) + 1 - limit
            if too_many > 0 and when_full == "refuse":
                raise LimitReached("the principal has as many sessions as one may have; end one of them first")
            evicted = sorted(others, key=_oldest if when_full == "end-oldest" else _least_used)[: max(0, too_many)]
            for other, where in evicted:
                where.end(other, "evicted", self._clock() + lease)
            self._put(tier, record, over, expired)
            return [other for other, _ in evicted]

    async def touch(self, record: Record) -> bool:
        """As `Store`."""
        with self._lock:
            return any(tier.touch(record) for tier in self._tiers)

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`."""
        with self._lock:
            for tier in self._tiers:
                if (stored := tier.unclaimed(key, app)) is not None:
                    tier.remove(stored)
                    return True
            return False

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        with self._lock:
            return any(tier.moved(key, app, self._clock()) for tier in self._tiers)

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`."""
        with self._lock:
            for tier in self._tiers:
                if (stored := tier.unclaimed(key, app)) is not None:
                    tier.end(stored, reason, self._clock() + lease)
                    return stored
            return None

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`."""
        with self._lock:
            now = self._clock()
            self._forget_leases(now)
            claimed: list[Ending] = []
            for tier in self._tiers:
                claimed += tier.claim(now, limit - len(claimed), lease)
            return claimed

    async def forget(self, records: Sequence[Record]) -> None:
        """As `Sweeps`."""
        with self._lock:
            for tier in self._tiers:
                tier.forget(records)

    async def discard(self, *, limit: int) -> int:
        """As `Sweeps`."""
        with self._lock:
            now = self._clock()
            self._forget_leases(now)
            discarded = 0
            for tier in self._tiers:
                discarded += tier.discard(now, limit - discarded)
            return discarded

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """As `Leases`."""
        with self._lock:
            now = self._clock()
            lease = self._leases.get((record.ref, record.app))
            if lease is not None and lease.holder != holder and lease.until > now:
                return False
            self._leases[record.ref, record.app] = _Lease(holder, now + seconds)
            return True

    async def release(self, record: Record, holder: str) -> None:
        """As `Leases`."""
        with self._lock:
            lease = self._leases.get((record.ref, record.app))
            if lease is not None and lease.holder == holder:
                del self._leases[record.ref, record.app]

    def now(self) -> float:
        """As `Tells`."""
        return self._clock()

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`."""
        with self._lock:
            now = self._clock()
            return page((record for tier in self._tiers for record in tier.find(query, limit, after, now)), limit)

    async def watch(self) -> AsyncIterator[Change | Beat]:
        """As `Watches`."""
        watcher = Watcher()
        with self._lock:
            self._watchers.add(watcher)
            told = self._changes
        try:
            while True:
                asked_at = time.monotonic()
                for change in watcher.seen():
                    told = change.number
                    yield change
                yield Beat(number=told, asked_at=asked_at)
                due = asyncio.get_running_loop().time() + BEAT / 2
                while (news := await watcher.next(due)) is not None:
                    told = news.number
                    yield news
        finally:
            with self._lock:
                self._watchers.discard(watcher)

    def _place(self, record: Record, over: Record | None) -> tuple[Tier, list[tuple[Record, Tier]]]:
        """Where `record` goes, and what has to go for it. Raises `Conflict` or `Gone` when it cannot be saved."""
        if over is None:
            expired = self._in_the_way(record)
            return self._room(sum(tier is self._memory for _, tier in expired)), expired
        for home in self._tiers:
            if (stored := home.unclaimed(over.key, over.app)) is not None:
                break
        else:
            raise Gone
        if stored.ref != over.ref:
            raise Gone
        if stored.version != over.version or stored.key != over.key:
            raise Conflict(stored)
        for tier in self._tiers:
            taken = any(each.record.key != over.key for each in tier.found(record))
            if taken or tier.target(record) is not None:
                raise Conflict
        return home, []

    def _in_the_way(self, record: Record) -> list[tuple[Record, Tier]]:
        """What has expired where `record` is to be created: it is absent, so it may be removed."""
        now = self._clock()
        found = [(each, tier) for tier in self._tiers for each in tier.found(record)]
        found.sort(key=lambda place: place[0].record.key != record.key)
        for each, _ in found:
            if each.claimed:
                raise Conflict
            if each.record.expires_at > now:
                raise Conflict(each.record)
        for tier in self._tiers:
            stub = tier.target(record)
            if stub is not None and all(stub != each.record.key for each, _ in found):
                raise Conflict
        return [(each.record, tier) for each, tier in found]

    def _room(self, leaving: int) -> Tier:
        """Where a new session goes, when so many leave the memory for it. Raises `StoreFull`."""
        if len(self._memory) - leaving < self._entries:
            return self._memory
        if self._full == "refuse":
            raise StoreFull(
                f"the memory holds {self._entries} sessions and no more; raise entries=, or let full=swap use the disk"
            )
        if len(self._tiers) == 1:
            from sojourn.store.sqlite.disk import Disk

            self._tiers.append(Disk(self._announce))
        return self._tiers[1]

    def _forget_leases(self, now: float) -> None:
        for place in [place for place, held in self._leases.items() if held.until <= now]:
            del self._leases[place]

    def _others(self, principal: str, app: str, over: Record | None) -> list[tuple[Record, Tier]]:
        """The live sessions of a principal beside the one that is replaced, and where they are."""
        now = self._clock()
        return [
            (other, tier)
            for tier in self._tiers
            for other in tier.of_principal(principal, app, now)
            if over is None or other.key != over.key
        ]

    def _put(self, tier: Tier, record: Record, over: Record | None, expired: Sequence[tuple[Record, Tier]]) -> None:
        for stored, where in expired:
            where.remove(stored)
        tier.put(record, over, self._clock())

    def _announce(self, left: Left) -> None:
        self._changes += 1
        change = Change(
            number=self._changes,
            key=left.key,
            app=left.app,
            version=left.version,
            node=left.node,
            ended=left.ended,
        )
        for watcher in self._watchers:
            watcher.tell(change)


def _oldest(place: tuple[Record, Tier]) -> tuple[float, str]:
    return place[0].created_at, place[0].ref


def _least_used(place: tuple[Record, Tier]) -> tuple[float, str]:
    return place[0].accessed_at, place[0].ref
