"""Connections to a PostgreSQL store, whose schema is made where it is not there."""

from __future__ import annotations

import asyncio
import time
from typing import TypeAlias

import asyncpg

from sojourn.errors import StoreDamaged, StoreError, StoreTooNew, StoreUnavailable
from sojourn.store.postgres.explain import explain, shown, unconnected
from sojourn.store.postgres.functions import FUNCTIONS
from sojourn.store.postgres.server_clock import ServerClock
from sojourn.store.postgres.tables import TABLES, VERSION

__all__ = ["Connection", "Schema"]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LOCK = 0x534F4A4E  # "SOJN": one node makes the schema, the others wait and find it


class Schema:
    """Where the tables of a store are, and how to get there."""

    def __init__(self, url: str, name: str, *, timeout: float, clock: ServerClock) -> None:
        """`timeout`: seconds for a connection, and for a statement. `clock`: learns the server's time."""
        self.where = f"{shown(url)}, schema {name},"
        self.timeout = timeout
        self._url = url
        self._name = name
        self._clock = clock
        settings = {
            "search_path": _quoted(name),
            # The server gives up before we do: then it is known that nothing happened.
            "statement_timeout": _milliseconds(timeout * 0.8),
            # Nodes hold a row for one statement only. Who holds one for longer must not hold up all of a batch.
            "lock_timeout": _milliseconds(timeout * 0.2),
            # Plans are made once, when the tables may still be small; they must be right for large ones.
            "plan_cache_mode": "force_generic_plan",
            "enable_seqscan": "off",
            "jit": "off",
        }
        self._settings = "; ".join(f"set {setting} to {value}" for setting, value in settings.items())

    async def connect(self, *, in_order: bool = False) -> Connection:
        """A connection to a schema that is there, and of our version. Raises `StoreUnavailable`.

        `in_order`: for statements that want the first of many. The planner cannot know how many fit, and takes it to be
        cheap to find and sort all of them.
        """
        try:
            async with asyncio.timeout(self.timeout):
                connection = await asyncpg.connect(
                    self._url,
                    timeout=self.timeout,
                    server_settings={"application_name": "sojourn"},  # a pooler in front may refuse any other
                    max_cached_statement_lifetime=0,
                )
                try:
                    await self._prepare(connection, in_order=in_order)
                except BaseException:
                    connection.terminate()
                    raise
                return connection
        except (
            OSError,
            ValueError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as error:
            problem = unconnected(error, self.where)
        raise problem

    async def ask_time(self, connection: Connection) -> None:
        """Learn the server's time."""
        asked_at = time.monotonic()
        said = await connection.fetchval("select extract(epoch from clock_timestamp())::float8")
        self._clock.measured(said, asked_at=asked_at, answered_at=time.monotonic())

    async def _prepare(self, connection: Connection, *, in_order: bool) -> None:
        await connection.execute(self._settings + ("; set enable_sort to off" if in_order else ""))
        if not await self._made(connection):
            await self._make(connection)
        await self.ask_time(connection)

    async def _made(self, connection: Connection) -> bool:
        """Whether the schema is there. Raises `StoreTooNew`."""
        try:
            version = await connection.fetchval("select version from layout")
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            return False
        if version is None:
            raise StoreDamaged(f"{self.where} has lost its version; restore it, or name another schema")
        if version > VERSION:
            raise StoreTooNew(
                f"{self.where} was made by a newer Sojourn (layout {version}, this one knows {VERSION}); upgrade it"
            )
        return True

    async def _make(self, connection: Connection) -> None:
        encoding = connection.get_settings().server_encoding
        if encoding != "UTF8":
            raise StoreUnavailable(f"{self.where} is encoded as {encoding}; give a database that is encoded as UTF8")
        try:
            async with connection.transaction():
                await connection.execute("set local lock_timeout = 0")
                await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
                if await self._made_meanwhile(connection):
                    return
                if await connection.fetchval("select to_regnamespace($1) is null", _quoted(self._name)):
                    await connection.execute(f"create schema {_quoted(self._name)}")
                await connection.execute(TABLES + FUNCTIONS)
        except (asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError, asyncpg.DuplicateFunctionError):
            problem: StoreError = StoreDamaged(
                f"{self.where} holds what another application made; give the store a schema of its own"
            )
        except asyncpg.PostgresError as error:
            problem = explain(error, self.where)
        else:
            return
        raise problem

    async def _made_meanwhile(self, connection: Connection) -> bool:
        found = await connection.fetchval("select to_regclass($1) is not null", f"{_quoted(self._name)}.layout")
        return bool(found) and await self._made(connection)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
