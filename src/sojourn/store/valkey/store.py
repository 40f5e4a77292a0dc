"""Valkey and Redis: records on a server, or a cluster, for a whole fleet."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncGenerator, Sequence

from sojourn.core.events import Reason
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import StoreBusy
from sojourn.store.base import Beat, Change, Ending, Query, Traffic, WhenFull
from sojourn.store.gathering import closed_with_loop
from sojourn.store.valkey import admission, endings, layout, registers, registry, saving, scripts, searching, watching
from sojourn.store.valkey.client.address import Address
from sojourn.store.valkey.client.clock import ServerClock
from sojourn.store.valkey.client.lane import Lane
from sojourn.store.valkey.client.line import run
from sojourn.store.valkey.scope import Scope

__all__ = ["ValkeyStore"]

LEASE_REST = 3600.0  # seconds that a lease rests after its end, until the server drops it
STEPS = 5  # stubs that a load follows: it may meet one session that is renewed again and again


class ValkeyStore:
    """A `Store` with all powers on Valkey, or Redis from 7.0 on: one server, a cluster, or one behind Sentinel.

    What is asked in one turn of an event loop goes to each server in one round trip. Each write is one script, so it
    happens wholly or not at all; none is repeated by itself.

    What an acknowledged write survives is for the server to say: with ``appendonly yes`` and ``appendfsync everysec`` a
    crash of its machine costs up to a second, and a fail-over what the replica had not got yet.

    The user needs these rights, for `prefix` ``sojourn``::

        ACL SETUSER NAME on >PASSWORD ~sojourn:* &sojourn:* +@read +@write +@scripting +@pubsub +@connection
            -@dangerous +time +info

    beside ``+cluster|slots`` in a cluster, and ``+role`` behind Sentinel. ``+info`` may be left out: then nothing warns
    of a `maxmemory-policy` that drops sessions.

    Several event loops may share a store, and a process that has used one may fork.
    """

    remote = True  # each answer costs a round trip

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        """`url`: as for `open_store`. `clock`: tells the time instead of the server.

        Raises `SettingError`.
        """
        self._address = Address.parse(url)
        self._names = layout.Names(self._address.prefix, self._address.db)
        self._clock = ServerClock(clock)
        self._warned: set[str] = set()
        self._making = threading.Lock()
        self._scopes: dict[asyncio.AbstractEventLoop, Scope] = {}
        self._closings: dict[asyncio.AbstractEventLoop, AsyncGenerator[None]] = {}
        self._process = os.getpid()

    async def open(self) -> None:
        """As `Opens`."""
        await self._scope().lane.ready()

    async def close(self) -> None:
        """As `Opens`, for the event loop that asks. Another may be about to end, and closes what is its own then."""
        # Who is between two questions goes on with the same lane, which is opened again and can be closed again.
        await self._scope().lane.close()

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        scope = self._scope()
        for _ in range(STEPS):
            value = await scope.lane.do(scope.get(key, app))
            if value is None or value[:1] == b"C":
                return None
            if value[:1] != b"S":
                record = layout.unpack(value, key, app)
                return record if record.expires_at > await scope.now() else None
            stub = layout.Stub(value)
            if not stub.open(await scope.now()):
                return None
            key = stub.target
        raise StoreBusy("a session in Valkey was renewed while it was loaded, again and again; try again")

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        scope = self._scope()
        if over is None or over.ref != record.ref or over.principal != record.principal:
            with scope.lane.working():
                await admission.enter(scope, record, over)
            return
        await saving.write(scope, record, over)
        if layout.day(record.expires_at) != layout.day(over.expires_at) or over.expires_at <= scope.clock():
            await registry.remain(scope, record)

    async def touch(self, record: Record) -> bool:
        """As `Store`."""
        scope = self._scope()
        given = (record.app, layout.field(record.ref, record.app), record.ref, layout.times(record))
        keys = (scope.place(record.key, record.app),)
        tag, used = layout.tag_of(record.key), saving.used(record)
        said = await scope.lane.do(scope.run(tag, scripts.TOUCH, await scope.now(), *given, used, keys=keys))
        if said > 1:
            await registry.remain(scope, record)
        return bool(said)

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`."""
        scope = self._scope()
        with scope.lane.working():
            return await endings.delete(scope, key, app)

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        scope = self._scope()
        value = await scope.lane.do(scope.get(key, app))
        if value is None or value[:1] != b"S":
            return False
        stub = layout.Stub(value)
        return not stub.leads and stub.until > await scope.now()

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`."""
        scope = self._scope()
        with scope.lane.working():
            return await endings.end(scope, key, app, reason=reason, lease=lease)

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`. Looks at all 4,096 tags: 16 commands on one server, and one for each tag in a cluster."""
        scope = self._scope()
        with scope.lane.working():
            return await endings.claim(scope, limit=limit, lease=lease)

    async def forget(self, records: Sequence[Record]) -> None:
        """As `Sweeps`."""
        scope = self._scope()
        with scope.lane.working():
            await endings.forget(scope, records)

    async def discard(self, *, limit: int) -> int:
        """As `Sweeps`. Looks at all tags, as `claim` does."""
        scope = self._scope()
        with scope.lane.working():
            return await endings.discard(scope, limit=limit)

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`.

        The seats of a principal are kept in one place, and taken before the record is written. Only when they seem to
        be all taken does it look at each of the others: below the limit an admission costs two round trips.
        """
        scope = self._scope()
        with scope.lane.working():
            return await admission.enter(scope, record, over, admission.Limit(limit, when_full, lease))

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """As `Leases`."""
        scope = self._scope()
        now = await scope.now()
        given = (repr(now), holder, repr(now + seconds), str(int((seconds + LEASE_REST) * 1000)))
        tag, key = self._lease(record)
        return bool(await scope.lane.do(run(tag, registers.HOLD, [key], *given)))

    async def release(self, record: Record, holder: str) -> None:
        """As `Leases`."""
        tag, key = self._lease(record)
        await self._scope().lane.do(run(tag, registers.RELEASE, [key], holder))

    def now(self) -> float:
        """As `Tells`. Raises `StoreUnavailable` before the store was opened."""
        return self._clock()

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`."""
        scope = self._scope()
        with scope.lane.working():
            return await searching.find(scope, query, limit, after)

    async def watch(self) -> AsyncGenerator[Change | Beat]:
        """As `Watches`. In a cluster there is a connection to each primary; when it is reshaped the watch breaks."""
        async with contextlib.aclosing(watching.watch(self._scope(), self._address)) as news:
            async for each in news:
                yield each

    def __repr__(self) -> str:
        return f"<ValkeyStore {self._address!r}>"

    def _lease(self, record: Record) -> tuple[str, str]:
        tag = layout.tag_of(record.key)
        return tag, f"{self._names.root(tag)}l:{layout.field(record.ref, record.app)}"

    @property
    def traffic(self) -> Traffic:
        """As `Gathers`."""
        lanes = [scope.lane.traffic for scope in list(self._scopes.values())]
        return Traffic(
            operations=sum(each.operations for each in lanes), round_trips=sum(each.round_trips for each in lanes)
        )

    def _scope(self) -> Scope:
        loop = asyncio.get_running_loop()
        scope = self._scopes.get(loop)
        if scope is None or self._process != os.getpid():
            self._part_from_parent()
            with self._making:
                for other in [each for each in self._scopes if each.is_closed()]:
                    del self._scopes[other], self._closings[other]
                scope = Scope(Lane(self._address, self._clock, self._warned), self._names, self._clock)
                self._closings[loop] = closed_with_loop(scope.lane.close)
                self._scopes[loop] = scope
        return scope

    def _part_from_parent(self) -> None:
        """After a fork the connections are the parent's: they are neither used nor closed, only kept."""
        if self._process != os.getpid():
            self._process = os.getpid()
            _PARENTS.append((self._scopes, self._closings))
            self._scopes, self._closings = {}, {}
            self._making = threading.Lock()  # another thread of the parent's may have held it


# To close what belongs to the parent's event loop would take it out of the parent's own selector.
_PARENTS: list[object] = []
