"""Servers in processes of their own, on free ports of the loopback, stopped by their own process id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sojourn import Sessions
from sojourn.inbound.bridge import wait

__all__ = ["Server", "granian", "gunicorn", "running", "stored"]

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0  # seconds after which a server is taken to have failed
SITE = "tests.frameworks.servers.site:app"


class Server:
    """A server under test."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and wait until it has."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


def gunicorn(port: int, *options: str) -> list[str]:
    """The command line of gunicorn."""
    return [*_module("gunicorn"), SITE, "--bind", f"127.0.0.1:{port}", *options]


def granian(port: int, *options: str) -> list[str]:
    """The command line of granian."""
    at = ["--host", "127.0.0.1", "--port", str(port)]
    ending = ["--workers-kill-timeout", "15"]  # seconds: one of some fifty workers never ends, when all of it is done
    return [*_module("granian"), "--interface", "wsgi", *at, *ending, *options, SITE]


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path, **environment: str) -> Iterator[Server]:
    """Run it from when it answers on the port until the end of the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=out, stderr=out)
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        give_up_at = time.monotonic() + PATIENCE
        while not _listens(port):
            assert process.poll() is None, server.log
            assert time.monotonic() < give_up_at, server.log
            time.sleep(0.01)
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)


def stored(url: str) -> dict[str, dict[str, object]]:
    """What all sessions of a store hold, by ref."""
    sessions = Sessions(url)

    async def read() -> dict[str, dict[str, object]]:
        held = {}
        for record in await sessions.find():
            async with sessions.access(record.ref) as session:
                held[record.ref] = dict(session)
        await sessions.close()
        return held

    return wait(read())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]
