"""Memory: records in a dict of this process. They end with it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

import msgspec

from sojourn.core.events import Reason
from sojourn.core.lifetime import GRACE, Clock
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached
from sojourn.store.base import BEAT, SWEEP_DELAY, Beat, Change, Ending, Query, WhenFull

__all__ = ["MemoryStore"]

Place = tuple[str, str]  # key, app


class _Stub(msgspec.Struct):
    to: str
    leads: bool  # False after a sign-in
    until: float | None  # None: as long as the new key has not been used


class _Claim(msgspec.Struct):
    until: float
    reason: Reason


class _Lease(msgspec.Struct):
    holder: str
    until: float


class MemoryStore:
    """A `Store` with all powers, for one process. No method waits, so each is one step for every task of a loop."""

    def __init__(self, *, clock: Clock = time.time) -> None:
        """`clock`: tells the time in seconds since the epoch."""
        self._clock = clock
        self._records: dict[Place, Record] = {}
        self._refs: dict[Place, str] = {}  # ref, app → key
        self._stubs: dict[Place, _Stub] = {}
        self._behind: dict[Place, list[Place]] = {}  # where the stubs are that lead to a record
        self._principals: dict[Place, dict[str, None]] = {}  # principal, app → keys
        self._claims: dict[Place, _Claim] = {}
        self._leases: dict[Place, _Lease] = {}  # by ref, app
        self._changes = 0
        self._watchers: set[asyncio.Queue[Change]] = set()

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        record = self._records.get((key, app))
        now = self._clock()
        if record is None:
            stub = self._stubs.get((key, app))
            if stub is None or not stub.leads or (stub.until is not None and stub.until <= now):
                return None
            record = self._records.get((stub.to, app))
        return record if record is not None and self._lives(record, now) else None

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        self._put(record, over, self._in_the_way(record, over))

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        in_the_way = self._in_the_way(record, over)
        now = self._clock()
        others = [other for other in self._of_principal(record, now) if over is None or other.key != over.key]
        too_many = max(0, len(others) + 1 - limit)
        if too_many and when_full == "refuse":
            raise LimitReached("the principal has as many sessions as one may have; end one of them first")
        since = "created_at" if when_full == "end-oldest" else "accessed_at"
        evicted = sorted(others, key=lambda other: (getattr(other, since), other.ref))[:too_many]
        for other in evicted:
            self._end(other, "evicted", lease)
        self._put(record, over, in_the_way)
        return evicted

    async def touch(self, record: Record) -> bool:
        """As `Store`."""
        place = (record.key, record.app)
        stored = self._records.get(place)
        if stored is None or stored.ref != record.ref or place in self._claims:
            return False
        self._records[place] = msgspec.structs.replace(
            stored,
            accessed_at=max(stored.accessed_at, record.accessed_at),
            expires_at=min(max(stored.expires_at, record.expires_at), stored.absolute_at),
        )
        self._used(record)
        return True

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`."""
        stored = self._unclaimed(key, app)
        if stored is None:
            return False
        self._remove(stored)
        return True

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        stub = self._stubs.get((key, app))
        return stub is not None and not stub.leads and stub.until is not None and stub.until > self._clock()

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`."""
        stored = self._unclaimed(key, app)
        if stored is not None:
            self._end(stored, reason, lease)
        return stored

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`."""
        now = self._clock()
        self._forget_what_is_over(now)
        claimed: list[Ending] = []
        for place, record in self._records.items():
            if len(claimed) == limit:
                break
            claim = self._claims.get(place)
            if (record.expires_at + SWEEP_DELAY if claim is None else claim.until) <= now:
                expired: Reason = "absolute" if record.expires_at >= record.absolute_at else "idle"
                reason = expired if claim is None else claim.reason
                self._claims[place] = _Claim(now + lease, reason)
                claimed.append(Ending(record=record, reason=reason))
        return claimed

    async def forget(self, records: Sequence[Record]) -> None:
        """As `Sweeps`."""
        for record in records:
            place = (record.key, record.app)
            if place in self._claims:
                self._remove(self._records[place])

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """As `Leases`."""
        now = self._clock()
        lease = self._leases.get((record.ref, record.app))
        if lease is not None and lease.holder != holder and lease.until > now:
            return False
        self._leases[record.ref, record.app] = _Lease(holder, now + seconds)
        return True

    async def release(self, record: Record, holder: str) -> None:
        """As `Leases`."""
        lease = self._leases.get((record.ref, record.app))
        if lease is not None and lease.holder == holder:
            del self._leases[record.ref, record.app]

    def now(self) -> float:
        """As `Tells`."""
        return self._clock()

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`."""
        now = self._clock()
        fitting = (r for r in self._records.values() if r.ref > after and self._lives(r, now) and _fits(r, query))
        found = sorted(fitting, key=lambda record: (record.ref, record.app))
        page = found[:limit]
        return page + [record for record in found[limit:] if page and record.ref == page[-1].ref]

    async def watch(self) -> AsyncIterator[Change | Beat]:
        """As `Watches`."""
        changes: asyncio.Queue[Change] = asyncio.Queue()
        self._watchers.add(changes)
        told = self._changes
        try:
            while True:
                yield Beat(number=told)
                due = asyncio.get_running_loop().time() + BEAT / 2
                while (change := await _next(changes, due)) is not None:
                    told = change.number
                    yield change
        finally:
            self._watchers.discard(changes)

    def _lives(self, record: Record, now: float) -> bool:
        return record.expires_at > now and (record.key, record.app) not in self._claims

    def _unclaimed(self, key: str, app: str) -> Record | None:
        """The record at `key` or where its stub leads, expired or not, unless it is claimed."""
        stub = self._stubs.get((key, app))
        place = (stub.to if stub is not None and stub.leads else key, app)
        return None if place in self._claims else self._records.get(place)

    def _of_principal(self, record: Record, now: float) -> list[Record]:
        """The live sessions of the one who has `record`, in its application."""
        if record.principal is None:
            return []
        keys = self._principals.get((record.principal, record.app), ())
        found = [self._records[key, record.app] for key in keys]
        return [each for each in found if self._lives(each, now)]

    def _in_the_way(self, record: Record, over: Record | None) -> list[Record]:
        """What has to go so that `record` can be saved over `over`. Raises `Conflict` or `Gone` when it cannot."""
        if over is None:
            return self._in_the_way_of_a_new_one(record)
        stored = self._unclaimed(over.key, over.app)
        if stored is None or stored.ref != over.ref:
            raise Gone
        if stored.version != over.version or stored.key != over.key:
            raise Conflict(stored)
        if self._refs.get((record.ref, record.app), over.key) != over.key:
            raise Conflict
        place = (record.key, record.app)
        if record.key != over.key and (place in self._records or place in self._stubs):
            raise Conflict
        return []

    def _in_the_way_of_a_new_one(self, record: Record) -> list[Record]:
        now = self._clock()
        keys = {record.key: True, self._refs.get((record.ref, record.app), record.key): True}
        in_the_way = [self._records[key, record.app] for key in keys if (key, record.app) in self._records]
        for stored in in_the_way:  # what has expired is absent, so it is in nobody's way
            if (stored.key, stored.app) in self._claims:
                raise Conflict
            if stored.expires_at > now:
                raise Conflict(stored)
        stub = self._stubs.get((record.key, record.app))
        if stub is not None and all(stub.to != stored.key for stored in in_the_way):
            raise Conflict
        return in_the_way

    def _put(self, record: Record, over: Record | None, in_the_way: list[Record]) -> None:
        for stored in in_the_way:
            self._remove(stored)
        if over is not None:
            self._unlist(self._records[over.key, over.app])
            if record.key != over.key:
                self._leave_stub(over, record)
        self._records[record.key, record.app] = record
        self._refs[record.ref, record.app] = record.key
        if record.principal is not None:
            self._principals.setdefault((record.principal, record.app), {})[record.key] = None
        self._used(record)
        self._announce(record, version=record.version, node=record.node, ended=False)

    def _end(self, record: Record, reason: Reason, lease: float) -> None:
        self._claims[record.key, record.app] = _Claim(self._clock() + lease, reason)
        self._announce(record, version=record.version, node=record.node, ended=True)

    def _leave_stub(self, old: Record, new: Record) -> None:
        leads = new.epoch == old.epoch
        until = None if leads else self._clock() + GRACE
        left = (old.key, old.app)
        behind = self._behind.pop(left, [])
        for place in behind:
            stub = self._stubs[place]
            stub.to = new.key
            if stub.leads and not leads:  # left at this sign-in, as the key before the last
                stub.leads, stub.until = False, until
        self._stubs[left] = _Stub(new.key, leads, until)
        self._behind[new.key, new.app] = [*behind, left]
        del self._records[left]
        self._announce(old, version=new.version, node=new.node, ended=True)

    def _used(self, record: Record) -> None:
        """Once the new key is in use, the old ones are followed for the grace time alone."""
        if record.accessed_at > record.renewed_at > record.created_at:
            for place in self._behind.get((record.key, record.app), ()):
                if self._stubs[place].until is None:
                    self._stubs[place].until = record.accessed_at + GRACE

    def _forget_what_is_over(self, now: float) -> None:
        # A stub that is not followed any more still tells a slow save where its session went.
        over = [place for place, stub in self._stubs.items() if stub.until is not None and stub.until + GRACE <= now]
        for place in over:
            stub = self._stubs.pop(place)
            self._behind[stub.to, place[1]].remove(place)
        for place in [place for place, lease in self._leases.items() if lease.until <= now]:
            del self._leases[place]

    def _remove(self, record: Record) -> None:
        place = (record.key, record.app)
        del self._records[place]
        self._unlist(record)
        self._claims.pop(place, None)
        for stub in self._behind.pop(place, ()):
            del self._stubs[stub]
        self._announce(record, version=record.version, node=record.node, ended=True)

    def _unlist(self, record: Record) -> None:
        self._refs.pop((record.ref, record.app), None)
        if record.principal is not None:
            keys = self._principals[record.principal, record.app]
            del keys[record.key]
            if not keys:
                del self._principals[record.principal, record.app]

    def _announce(self, record: Record, *, version: int, node: str, ended: bool) -> None:
        self._changes += 1
        change = Change(
            number=self._changes,
            key=record.key,
            app=record.app,
            version=version,
            node=node,
            ended=ended,
        )
        for changes in self._watchers:
            with contextlib.suppress(RuntimeError):  # its event loop is closed
                changes.put_nowait(change)


async def _next(changes: asyncio.Queue[Change], due: float) -> Change | None:
    """The next change, unless a sign of life is due before."""
    if asyncio.get_running_loop().time() < due:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                return await changes.get()
    return None


def _fits(record: Record, query: Query) -> bool:
    return all(
        (
            query.app is None or record.app == query.app,
            query.ref is None or record.ref == query.ref,
            query.principal is None or record.principal == query.principal,
            query.node is None or record.node == query.node,
            query.accessed_before is None or record.accessed_at < query.accessed_before,
        )
    )
