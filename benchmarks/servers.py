"""The servers under test: one or two nodes for each variant, all running through the whole run, and their stores."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.stores import Stores
from benchmarks.variants import VARIANTS

__all__ = ["LOAD_CORE", "SERVER_CORE", "Node", "started"]

TICKS = os.sysconf("SC_CLK_TCK")
EXPRESS = Path(__file__).parent / "peers" / "express"
_cores = sorted(os.sched_getaffinity(0))
SERVER_CORE = {_cores[0]} if len(_cores) > 1 else set(_cores)
LOAD_CORE = {_cores[1]} if len(_cores) > 1 else set(_cores)


class Node:
    """One server of a variant: where it listens, and what it has used."""

    def __init__(self, name: str, address: str) -> None:
        """Start it; `address` is that of its store."""
        variant = VARIANTS[name]
        self.port = _free_port()
        environment = {**os.environ, "SOJOURN_BENCH_VARIANT": variant.app, "SOJOURN_BENCH_STORE": address}
        if variant.served == "node":
            command, directory = ["node", "shop.js", str(self.port)], EXPRESS
        else:
            directory = Path(__file__).parent.parent
            command = [sys.executable, "-m", "granian", "--interface", variant.served, "--loop", "uvloop"]
            command += ["--workers", "1", "--log-level", "error", "--port", str(self.port)]
            command += [f"benchmarks.peers.{variant.served}:app"]
        self.process = subprocess.Popen(command, env=environment, cwd=directory)
        os.sched_setaffinity(self.process.pid, SERVER_CORE)

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 30
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port)
                connection.request("GET", "/plain")
                if connection.getresponse().status != 200:
                    raise SystemExit(f"port {self.port} answers, but not with 200")
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def cpu_seconds(self) -> float:
        """What it has used so far, its workers included."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(_cpu_seconds(each) for each in (str(pid), *children))

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait()


@contextmanager
def started(names: list[str], nodes: dict[str, int], directory: Path) -> Iterator[tuple[dict[str, list[Node]], Stores]]:
    """All servers by variant, as many of each as `nodes` says (else one), and the stores."""
    if any(VARIANTS[name].served == "node" for name in names) and not (EXPRESS / "node_modules").exists():
        install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(install, cwd=EXPRESS, check=True)
    with ExitStack() as stack:
        stores = stack.enter_context(Stores(directory, LOAD_CORE))
        servers: dict[str, list[Node]] = {}
        for name in names:
            address = stores.address(VARIANTS[name].store, name)
            servers[name] = [Node(name, address) for _ in range(nodes.get(name, 1))]
            for node in servers[name]:
                stack.callback(node.stop)
        for each in servers.values():
            for node in each:
                node.wait()
                for child in Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children").read_text().split():
                    for thread in Path(f"/proc/{child}/task").iterdir():
                        os.sched_setaffinity(int(thread.name), SERVER_CORE)
        yield servers, stores


def _cpu_seconds(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
