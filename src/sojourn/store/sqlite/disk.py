"""The tier on disk of a store in memory: a SQLite file of its own, that nobody else sees."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.errors import StoreFull
from sojourn.store.base import Ending, Query
from sojourn.store.sqlite import changes, endings, rows, schema, statements
from sojourn.store.tier import Found, Left, Tell

__all__ = ["Disk"]

_FOUND = (
    f"select {rows.COLUMNS}, claimed_until is not null from session "  # noqa: S608 - names of columns
    "where app = ? and (key = ? or ref = ?) order by key = ? desc"
)
_OF_PRINCIPAL = (
    f"select {rows.COLUMNS} from session "  # noqa: S608
    "where principal = ? and app = ? and expires_at > ? and claimed_until is null"
)


class Disk:
    """A `Tier` on disk.

    Nothing that it does waits for the disk: the file need not outlive the process, so it is never synchronised, and
    what is asked for comes from the memory that the system has left. Each call is one transaction, so that a full disk
    leaves nothing half done.
    """

    def __init__(self, tell: Tell) -> None:
        """`tell` is called with every change."""
        self._tell = tell
        self._path = Path(tempfile.gettempdir())
        self._connection: sqlite3.Connection | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None
        _DISKS.add(self)

    def __len__(self) -> int:
        with self._step() as connection:
            return int(connection.execute("select count(*) from session").fetchone()[0])

    def load(self, key: str, app: str, now: float) -> Record | None:
        """As `Tier`."""
        with self._step() as connection:
            return statements.load(connection, key, app, now)

    def moved(self, key: str, app: str, now: float) -> bool:
        """As `Tier`."""
        with self._step() as connection:
            return statements.moved(connection, key, app, now)

    def unclaimed(self, key: str, app: str) -> Record | None:
        """As `Tier`."""
        with self._step() as connection:
            return statements.unclaimed(connection, key, app)

    def found(self, record: Record) -> list[Found]:
        """As `Tier`."""
        with self._step() as connection:
            found = connection.execute(_FOUND, (record.app, record.key, record.ref, record.key)).fetchall()
            return [Found(rows.record(row[:-1]), bool(row[-1])) for row in found]

    def target(self, record: Record) -> str | None:
        """As `Tier`."""
        with self._step() as connection:
            return statements.target(connection, record)

    def of_principal(self, principal: str, app: str, now: float) -> list[Record]:
        """As `Tier`."""
        with self._step() as connection:
            return [rows.record(row) for row in connection.execute(_OF_PRINCIPAL, (principal, app, now))]

    def put(self, record: Record, over: Record | None, now: float) -> None:
        """As `Tier`."""
        with self._change() as connection:
            statements.save(connection, record, over, now)

    def touch(self, record: Record) -> bool:
        """As `Tier`."""
        with self._change() as connection:
            return statements.touch(connection, record)

    def remove(self, record: Record) -> None:
        """As `Tier`."""
        with self._change() as connection:
            statements.remove(connection, record)

    def end(self, record: Record, reason: Reason, until: float) -> None:
        """As `Tier`."""
        with self._change() as connection:
            endings.end(connection, record.key, record.app, reason, until)

    def claim(self, now: float, limit: int, lease: float) -> list[Ending]:
        """As `Tier`."""
        with self._change() as connection:
            return endings.claim(connection, now, limit, lease)

    def forget(self, records: Sequence[Record]) -> None:
        """As `Tier`."""
        with self._change() as connection:
            endings.forget(connection, records)

    def discard(self, now: float, limit: int) -> int:
        """As `Tier`."""
        with self._change() as connection:
            return endings.discard(connection, now, limit)

    def find(self, query: Query, limit: int, after: str, now: float) -> list[Record]:
        """As `Tier`."""
        with self._step() as connection:
            return statements.find(connection, query, limit, after, now)

    def leave_behind(self) -> None:
        """Begin anew after a fork: what was stored is the parent's."""
        if self._finalizer is not None:
            self._finalizer.detach()
        _LEFT_BEHIND.append(self._connection)
        self._connection = None

    @contextlib.contextmanager
    def _step(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._connection is None:
                self._connection = self._open()
            yield self._connection
        except sqlite3.Error as error:
            raise schema.explain(error, self._path) from None

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._step() as connection:
            connection.execute("begin")
            try:
                yield connection
                news = changes.changes(connection, after=0)
                if news:
                    connection.execute("delete from change")
                connection.execute("commit")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise
        for change in news:
            self._tell(Left(change.key, change.app, change.version, change.node, change.ended))

    def _open(self) -> sqlite3.Connection:
        try:
            file, name = tempfile.mkstemp(prefix="sojourn-", suffix=".db")
        except OSError as error:
            raise StoreFull(
                f"the memory is full, and there is no temporary file for other sessions: {error.strerror}"
            ) from None
        os.close(file)
        self._path = Path(name)
        with contextlib.ExitStack() as opening:
            opening.callback(self._path.unlink)
            connection = schema.connect(self._path, mode="rwc", durability="off")
            opening.callback(connection.close)
            connection.execute("pragma journal_mode = memory")  # for what is rolled back: no crash has to be survived
            connection.execute("pragma locking_mode = exclusive")
            schema.make(connection)
            opening.pop_all()
        # Where an open file can be removed it is, so that nothing is left however the process ends.
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._finalizer = weakref.finalize(self, _put_away, connection, self._path)
        return connection


def _put_away(connection: sqlite3.Connection, path: Path) -> None:
    connection.close()
    path.unlink(missing_ok=True)


# A connection must not be used on both sides of a fork, nor closed in the child: it is the parent's.
_DISKS: weakref.WeakSet[Disk] = weakref.WeakSet()
_LEFT_BEHIND: list[sqlite3.Connection | None] = []


def _after_fork() -> None:
    for disk in list(_DISKS):
        disk.leave_behind()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
