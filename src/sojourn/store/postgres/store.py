"""PostgreSQL: records in one schema of a database, for all nodes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from sojourn.core.events import Reason
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import SettingError
from sojourn.store.base import Beat, Change, Ending, Query, Traffic, WhenFull
from sojourn.store.gathering import closed_with_loop
from sojourn.store.postgres import questions, statements
from sojourn.store.postgres.desk import Desk
from sojourn.store.postgres.schema import Schema
from sojourn.store.postgres.server_clock import ServerClock
from sojourn.store.postgres.watching import watch

__all__ = ["PostgresStore"]

Desks = dict[asyncio.AbstractEventLoop, Desk]
Closings = dict[asyncio.AbstractEventLoop, AsyncGenerator[None]]

# Connections of a parent process: to close them here would end them there.
_inherited: list[tuple[Desks, Closings]] = []


class PostgresStore:
    """A `Store` with all powers, in a schema of a PostgreSQL database; tested with version 18, and with 15.

    What is asked at the same time goes to the server together: one statement for many, that is a transaction of its
    own. Each event loop has three connections, opened when they are used, and one for each watch. What was acknowledged
    is kept as `synchronous_commit` of the server says.

    Several event loops may share a store, and a process that has used one may fork.
    """

    remote = True  # each answer costs a round trip

    def __init__(self, url: str, *, schema: str = "sojourn", timeout: float = 5.0, clock: Clock | None = None) -> None:
        """`url`: as libpq's, with the options of asyncpg; what it leaves out is taken from PGHOST, PGUSER and so on.

        `schema`: where the tables are, made when it is not there. `timeout`: seconds to wait for a connection, and for
        an answer: long enough for a server that is busy, short enough for a visitor. `clock`: the server's, unless one
        is given.
        """
        _check(url, schema, timeout)
        self._server_clock = ServerClock()
        self._clock = clock if clock is not None else self._server_clock.now
        self._schema = Schema(url, schema, timeout=timeout, clock=self._server_clock)
        self._desks: Desks = {}
        self._closings: Closings = {}
        self._process = os.getpid()

    async def open(self) -> None:
        """As `Opens`."""
        await self._desk().reading.open()

    async def close(self) -> None:
        """As `Opens`, for the event loop that asks: a connection belongs to one, and only there it can be closed."""
        self._desk()
        loop = asyncio.get_running_loop()
        del self._desks[loop]
        await self._closings.pop(loop).aclose()

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        return await self._desk().loads((key, app))

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        await self._desk().save(questions.saving(record, over))

    async def touch(self, record: Record) -> bool:
        """As `Store`."""
        return await self._desk().touch(questions.touching(record))

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`."""
        return await self._desk().remove(questions.removing(key, app))

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        desk = self._desk()
        return bool(await desk.ask(desk.reading, statements.MOVED, lambda: (key, app, self._clock()), writes=False))

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`."""
        return await self._desk().ends((key, app, reason, lease))

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`."""
        desk = self._desk()
        await desk.ask(desk.aside, statements.SWEEP, lambda: (self._clock(),))
        rows = await desk.ask(desk.aside, statements.CLAIM, lambda: (self._clock(), limit, lease))
        return [Ending(record=questions.record(row), reason=row[-1]) for row in rows]

    async def forget(self, records: Sequence[Record]) -> None:
        """As `Sweeps`."""
        forgets = self._desk().forgets
        await asyncio.gather(*(forgets((record.key, record.app)) for record in records))

    async def discard(self, *, limit: int) -> int:
        """As `Sweeps`."""
        desk = self._desk()
        await desk.ask(desk.aside, statements.SWEEP, lambda: (self._clock(),))
        [row] = await desk.ask(desk.aside, statements.DISCARD, lambda: (self._clock(), limit))
        return int(row[0])

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        write = questions.saving(record, over)
        return await self._desk().admit(write, limit=limit, when_full=when_full, lease=lease)

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """As `Leases`."""
        desk = self._desk()

        def values() -> tuple[Any, ...]:
            now = self._clock()
            return (record.ref, record.app, holder, now + seconds, now)

        return bool(await desk.ask(desk.writing, statements.HOLD, values))

    async def release(self, record: Record, holder: str) -> None:
        """As `Leases`."""
        desk = self._desk()
        await desk.ask(desk.writing, statements.RELEASE, lambda: (record.ref, record.app, holder))

    def now(self) -> float:
        """As `Tells`: until the server was asked for the first time, the time of this machine."""
        return self._clock()

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`. Runs beside the reads of requests, since it may take long."""
        desk = self._desk()
        await desk.aside.open()  # so that the clock was measured
        statement, values = questions.find(query, limit, after, self._clock())
        rows = await desk.ask(desk.aside, statement, lambda: values, writes=False)
        return sorted(map(questions.record, rows), key=lambda record: (record.ref, record.app))

    def watch(self) -> AsyncIterator[Change | Beat]:
        """As `Watches`: the server notifies."""
        return watch(self._schema, lambda: self._desk().watching)

    @property
    def traffic(self) -> Traffic:
        """As `Gathers`."""
        desks = [desk.traffic for desk in list(self._desks.values())]
        return Traffic(
            operations=sum(each.operations for each in desks), round_trips=sum(each.round_trips for each in desks)
        )

    def _desk(self) -> Desk:
        loop = asyncio.get_running_loop()
        if self._process != os.getpid():
            _inherited.append((self._desks, self._closings))
            self._desks, self._closings, self._process = {}, {}, os.getpid()
        desk = self._desks.get(loop)
        if desk is None:
            for other in [each for each in self._desks if each.is_closed()]:
                self._desks.pop(other, None)
                self._closings.pop(other, None)
            desk = self._desks[loop] = Desk(self._schema, self._clock)
            self._closings[loop] = closed_with_loop(desk.close)
        return desk


def _check(url: str, schema: str, timeout: float) -> None:
    if not url.startswith(("postgresql://", "postgres://")):
        raise SettingError("an address of PostgreSQL starts with postgresql://")
    for place in urlsplit(url).netloc.rpartition("@")[2].split(","):  # there may be several, of which one is primary
        _, _, port = place.rpartition("]")[2].partition(":")
        if port and not port.isdecimal():
            raise SettingError("a port in the address of PostgreSQL is no number; correct it")
    if not schema or "\0" in schema or len(schema.encode()) > 63:
        raise SettingError(f"schema={schema!r}: give a name of 1 to 63 bytes")
    if not 0 < timeout < float("inf"):
        raise SettingError(f"timeout={timeout!r}: give seconds, more than 0")
