"""SQLite: records in one file, for all processes of one machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from sojourn.core.events import Reason
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import SettingError, StoreUnavailable
from sojourn.store.base import BEAT, Beat, Change, Ending, Query, WhenFull
from sojourn.store.sqlite import changes, endings, leases, schema, statements
from sojourn.store.sqlite.log import Log
from sojourn.store.sqlite.threads import in_thread
from sojourn.store.sqlite.writer import Job, Writer

__all__ = ["SqliteStore"]

POLL = 0.02  # seconds between two looks for changes; a look that finds none costs a few microseconds


class SqliteStore:
    """A `Store` with all powers on one SQLite file in WAL mode.

    Reads are made at once, on the thread of the caller: a few microseconds, less than any hand-over. Writes go to one
    thread, which commits all that arrive together in one transaction.

    `durability="normal"` keeps what was acknowledged through the death of the process, by whatever signal; `"full"`
    also through the death of the machine, for an fsync with each commit.

    Several event loops may share a store, and a process that has used one may fork.
    """

    _reader: sqlite3.Connection | None
    _writer: Writer

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Literal["normal", "full"] = "normal",
        busy: float = 5.0,
        clock: Clock = time.time,
    ) -> None:
        """`path`: the file, made when it is not there. `busy`: seconds to wait for other processes that write."""
        if durability not in ("normal", "full"):
            raise SettingError(f"durability={durability!r}: give normal or full")
        if not 0 <= busy < float("inf"):
            raise SettingError(f"busy={busy!r}: give seconds, 0 or more")
        self._path = Path(path).absolute()  # the same file, wherever the process goes
        self._durability = durability
        self._busy = busy
        self._clock = clock
        self._reset()
        _STORES.add(self)

    async def open(self) -> None:
        """As `Opens`."""
        await self._writer.do(lambda _connection: None)

    async def close(self) -> None:
        """As `Opens`."""
        writer = self._writer
        self._writer = self._new_writer()
        self._close_reader()
        await in_thread(writer.close)

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        now = self._clock()
        return await self._read(lambda connection: statements.load(connection, key, app, now))  # type: ignore[no-any-return]

    def recall(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`, once a load has opened the file."""
        try:
            with self._reading:
                if self._reader is None:
                    return None
                record = statements.load(self._reader, key, app, self._clock())
        except sqlite3.Error:
            return None  # a load finds out what it is
        return record if record is not None and record.version >= version else None

    async def fetch(self, key: str, app: str, version: int) -> Record | None:  # noqa: ARG002 - it is what is stored
        """As `Recalls`."""
        return await self.load(key, app)

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        now = self._clock()
        await self._do(lambda connection: statements.save(connection, record, over, now))

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        now = self._clock()
        return await self._do(  # type: ignore[no-any-return]
            lambda connection: endings.admit(
                connection, record, over=over, limit=limit, when_full=when_full, now=now, until=now + lease
            )
        )

    async def touch(self, record: Record) -> bool:
        """As `Store`."""
        return await self._do(lambda connection: statements.touch(connection, record))  # type: ignore[no-any-return]

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`."""
        return await self._do(lambda connection: statements.delete(connection, key, app))  # type: ignore[no-any-return]

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        now = self._clock()
        return await self._read(lambda connection: statements.moved(connection, key, app, now))  # type: ignore[no-any-return]

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`."""
        until = self._clock() + lease
        return await self._do(lambda connection: endings.end(connection, key, app, reason, until))  # type: ignore[no-any-return]

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`."""
        now = self._clock()
        return await self._sweep(lambda connection: endings.claim(connection, now, limit, lease))  # type: ignore[no-any-return]

    async def forget(self, records: Sequence[Record]) -> None:
        """As `Sweeps`."""
        await self._sweep(lambda connection: endings.forget(connection, records))

    async def discard(self, *, limit: int) -> int:
        """As `Sweeps`."""
        now = self._clock()
        return await self._sweep(lambda connection: endings.discard(connection, now, limit))  # type: ignore[no-any-return]

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """As `Leases`."""
        now = self._clock()
        return await self._do(lambda connection: leases.hold(connection, record, holder, now, now + seconds))  # type: ignore[no-any-return]

    async def release(self, record: Record, holder: str) -> None:
        """As `Leases`."""
        await self._do(lambda connection: leases.release(connection, record, holder))

    def now(self) -> float:
        """As `Tells`: the clock of the machine, which all processes that can reach the file share."""
        return self._clock()

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`. Runs beside the reads of requests, since it may take long."""
        now = self._clock()
        await self._read(lambda _connection: None)  # the schema is there
        try:
            return await in_thread(self._find, query, limit, after, now)
        except sqlite3.Error:  # as for `_read`
            return await self._do(lambda connection: statements.find(connection, query, limit, after, now))  # type: ignore[no-any-return]

    async def watch(self) -> AsyncIterator[Change | Beat]:
        """As `Watches`: looks every `POLL` seconds."""
        asked_at = time.monotonic()
        last = await self._read(changes.last_change)
        watched = schema.identity(self._path)
        clock = asyncio.get_running_loop().time

        def news(connection: sqlite3.Connection) -> Sequence[Change]:
            return changes.changes(connection, after=last)

        yield Beat(number=last, asked_at=asked_at)
        due = clock() + BEAT / 2
        while True:
            asked_at = time.monotonic()
            for change in await self._read(news):
                last = change.number
                yield change
            if schema.identity(self._path) != watched:
                self._close_reader()
                raise StoreUnavailable(
                    f"{self._path} was taken away while it was watched; load everything and watch again"
                )
            if clock() >= due:
                yield Beat(number=last, asked_at=asked_at)
                due = clock() + BEAT / 2
            await asyncio.sleep(POLL)

    def _reset(self) -> None:
        self._reader = None
        # Threads that share a connection would also share its cached statements, and so meet each other's records.
        self._reading = threading.Lock()
        self._finding = threading.Lock()
        self._writer = self._new_writer()

    def _new_writer(self) -> Writer:
        return Writer(
            self._open_writer,
            self._explain,
            log=Log(lambda: self._connect(mode="rw")),
            identity=lambda: schema.identity(self._path),
            busy=self._busy,
        )

    async def _do(self, job: Job) -> Any:
        return await self._writer.do(job)

    async def _sweep(self, job: Job) -> Any:
        await self._writer.relief()  # a sweep writes faster than the disk, and nobody waits for it
        return await self._writer.do(job)

    async def _read(self, job: Job) -> Any:
        try:
            if self._reader is None:
                await self._open_reader()
            with self._reading:
                if self._reader is not None:
                    return job(self._reader)
        except sqlite3.Error:
            self._close_reader()
        # Closed meanwhile, or it met a lock (only while the file is recovered) or damage: the patient way.
        return await self._do(job)

    async def _open_reader(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._try_reader():
                return
        await self.open()  # the writer makes the schema
        self._try_reader()

    def _try_reader(self) -> bool:
        """Open the reader if the schema is there. Needs no right to write, and nobody's leave."""
        with self._reading:
            if self._reader is None:
                with contextlib.ExitStack() as opening:
                    connection = opening.enter_context(contextlib.closing(self._connect(mode="ro")))
                    if not schema.made(connection, self._path):
                        return False
                    opening.pop_all()
                self._reader = connection
            return True

    def _close_reader(self) -> None:
        with self._reading:
            reader, self._reader = self._reader, None
            if reader is not None:
                reader.close()

    def _open_writer(self) -> sqlite3.Connection:
        self._close_reader()  # it may have another file, that was here before
        connection = self._connect(mode="rwc")
        try:
            schema.prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, *, mode: Literal["ro", "rw", "rwc"]) -> sqlite3.Connection:
        return schema.connect(self._path, mode=mode, durability=self._durability)

    def _find(self, query: Query, limit: int, after: str, now: float) -> list[Record]:
        with self._finding, contextlib.closing(self._connect(mode="ro")) as connection:
            return statements.find(connection, query, limit, after, now)

    def _explain(self, error: sqlite3.Error) -> Any:
        return schema.explain(error, self._path)

    @contextlib.contextmanager
    def _at_rest(self) -> Iterator[None]:
        """No connection is open, and none is opened."""
        with self._writer.stopped(), self._finding, self._reading:
            reader, self._reader = self._reader, None
            if reader is not None:
                reader.close()
            yield


# Neither a thread nor a connection lives on both sides of a fork. SQLite's locks belong to a process: a child that so
# much as keeps a connection of its parent's takes itself to hold locks that it has not got, and its writes are lost.
# So all is closed before a fork, and opened again on each side when it is used.
_STORES: weakref.WeakSet[SqliteStore] = weakref.WeakSet()
_resting = threading.local()


def _before_fork() -> None:
    _resting.stores = contextlib.ExitStack()
    for store in list(_STORES):
        _resting.stores.enter_context(store._at_rest())  # noqa: SLF001 - a part of the class, that is done once for all


def _after_fork_in_parent() -> None:
    _resting.stores.close()


def _after_fork_in_child() -> None:
    for store in list(_STORES):
        store._reset()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
