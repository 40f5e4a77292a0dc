"""The stores under test, and how often they are asked."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
from tests.fixtures import postgres, valkeys

__all__ = ["Stores"]

_QUERY = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
REPORTS = 1.2  # seconds after which a backend of PostgreSQL has handed in its counts


class Stores:
    """A Valkey and a PostgreSQL, started when one of them is asked for, and files for SQLite."""

    def __init__(self, directory: Path, cores: set[int]) -> None:
        """`directory`: for files. `cores`: where the servers run."""
        self._directory = directory
        self._cores = cores
        self._stack = ExitStack()
        self._valkey: valkeys.ValkeyServer | None = None
        self._postgres: postgres.PostgresServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def address(self, store: str, name: str) -> str:
        """The address of a store for the variant `name`."""
        if store == "sqlite":
            return f"sqlite:///{self._directory}/{name}.db"
        if store == "valkey":
            return f"redis://127.0.0.1:{self.valkey.port}/0"
        if store == "postgres":
            return f"{self.postgres.url}?schema={name.replace('-', '_')}"
        return "memory:" if store == "memory" else ""

    def round_trips(self, store: str) -> int | None:
        """How often the store was asked so far; None where that is not counted."""
        if store == "valkey":
            info: Any = self.valkey.client().info("stats")
            return int(info["total_reads_processed"])
        if store == "postgres":
            time.sleep(REPORTS)
            return asyncio.run(self._transactions())
        return None

    @property
    def valkey(self) -> valkeys.ValkeyServer:
        """The server, as its makers set it up, but for the disk: nobody compared writes to it."""
        if self._valkey is None:
            self._valkey = self._stack.enter_context(valkeys.running())
            os.sched_setaffinity(self._valkey.pid, self._cores)
        return self._valkey

    @property
    def postgres(self) -> postgres.PostgresServer:
        """The server, with a commit that is on its way to the disk when it is answered, as Valkey's is."""
        if self._postgres is None:
            self._postgres = self._stack.enter_context(postgres.running("synchronous_commit=off"))
            os.sched_setaffinity(self._postgres.pid, self._cores)
        return self._postgres

    async def _transactions(self) -> int:
        connection: Any = await asyncpg.connect(self.postgres.url)
        try:
            return int(await connection.fetchval(_QUERY))
        finally:
            await connection.close()
