"""SQLite: records in one file, for all processes of one machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
import weakref
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import SettingError
from sojourn.store import sqlite_schema
from sojourn.store import sqlite_statements as statements
from sojourn.store.base import Change, Query
from sojourn.store.sqlite_writer import Job, Writer

__all__ = ["SqliteStore"]

POLL = 0.02  # seconds between two looks for changes; a look that finds none costs a few microseconds


class SqliteStore:
    """A `Store` with all powers on one SQLite file in WAL mode.

    Reads are made at once, on the thread of the caller: a few microseconds, less than any hand-over. Writes go to one
    thread, which commits all that arrive together in one transaction.

    `durability="normal"` keeps what was acknowledged through the death of the process, by whatever signal; `"full"`
    also through the death of the machine, for an fsync with each commit.
    """

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
        self._path = Path(path)
        self._durability = durability
        self._busy = busy
        self._clock = clock
        self._reset()
        if hasattr(os, "register_at_fork"):
            # A connection must not be used on both sides of a fork; nor can a thread be.
            forget = weakref.WeakMethod(self._reset)
            os.register_at_fork(after_in_child=lambda: (reset := forget()) and reset())

    async def open(self) -> None:
        """As `Opens`."""
        await self._writer.do(lambda _connection: None)

    async def close(self) -> None:
        """As `Opens`."""
        writer, reader = self._writer, self._reader
        self._reset()
        await asyncio.to_thread(writer.close)
        if reader is not None:
            reader.close()

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        now = self._clock()
        try:
            if self._reader is None:
                await self._open_reader()
            return statements.load(self._reader, key, app, now)  # type: ignore[arg-type]
        except sqlite3.Error:
            # A reader meets a lock only while the file is recovered, and a damaged file once: the patient way.
            return await self._do(lambda connection: statements.load(connection, key, app, now))  # type: ignore[no-any-return]

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        now = self._clock()
        if over is None:
            await self._do(lambda connection: statements.create(connection, record, now))
        elif over.key == record.key:
            await self._do(lambda connection: statements.replace(connection, record, over))
        else:
            await self._do(lambda connection: statements.move(connection, record, over, now))

    async def touch(self, record: Record) -> bool:
        """As `Store`."""
        return await self._do(lambda connection: statements.touch(connection, record))  # type: ignore[no-any-return]

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`."""
        return await self._do(lambda connection: statements.delete(connection, key, app))  # type: ignore[no-any-return]

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        now = self._clock()
        return await self._do(lambda connection: statements.moved(connection, key, app, now))  # type: ignore[no-any-return]

    async def claim(self, *, limit: int, lease: float) -> list[Record]:
        """As `Sweeps`."""
        now = self._clock()
        return await self._do(lambda connection: statements.claim(connection, now, limit, lease))  # type: ignore[no-any-return]

    async def forget(self, records: Sequence[Record]) -> None:
        """As `Sweeps`."""
        await self._do(lambda connection: statements.forget(connection, records))

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`. Runs beside the reads of requests, since it may take long."""
        now = self._clock()
        if self._reader is None:
            await self._open_reader()
        return await asyncio.to_thread(self._find, query, limit, after, now)

    async def watch(self) -> AsyncIterator[Change]:
        """As `Watches`: looks every `POLL` seconds."""
        await self.open()
        with contextlib.closing(self._connect(read_only=True)) as connection:
            last = statements.last_change(connection)
            while True:
                for change in statements.changes(connection, after=last):
                    last = change.number
                    yield change
                await asyncio.sleep(POLL)

    def _reset(self) -> None:
        self._reader: sqlite3.Connection | None = None
        self._writer = Writer(self._open_writer, self._explain, busy=self._busy)

    async def _do(self, job: Job) -> Any:
        return await self._writer.do(job)

    async def _open_reader(self) -> None:
        await self.open()  # the writer makes the schema
        if self._reader is None:
            self._reader = self._connect(read_only=True)

    def _open_writer(self) -> sqlite3.Connection:
        connection = self._connect(read_only=False)
        try:
            sqlite_schema.prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        return sqlite_schema.connect(self._path, read_only=read_only, durability=self._durability)

    def _find(self, query: Query, limit: int, after: str, now: float) -> list[Record]:
        try:
            with contextlib.closing(self._connect(read_only=True)) as connection:
                return statements.find(connection, query, limit, after, now)
        except sqlite3.Error as error:
            raise self._explain(error) from None

    def _explain(self, error: sqlite3.Error) -> Any:
        return sqlite_schema.explain(error, self._path)
