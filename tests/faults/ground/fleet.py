"""Fleet: the nodes, each a process of its own that can be killed, paused and shown a wrong time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tests.faults.ground.node import BROKEN, Settings

ROOT = Path(__file__).parents[3]
PATIENCE = 20.0  # seconds for a node to answer


def faketime() -> Path | None:
    """The library that shows a process a wrong time; None where it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def wrong_time(clock: Path) -> dict[str, str]:
    """The environment of a process whose clock is wrong by what the file says, and the monotonic one right."""
    return {
        "LD_PRELOAD": str(faketime()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


class Node:
    """One node. It keeps its port over all its lives."""

    def __init__(self, settings: Settings, directory: Path, *, build: str | None) -> None:
        self.settings = settings
        self.started = 0
        self._build = build
        self._clock = directory / f"clock-{settings.index}"
        self._log = (directory / f"node-{settings.index}.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self.skew(0)
        self.started += 1
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.ground.node", self.settings.as_argument()],
            cwd=ROOT,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            process_group=0,  # what is typed at a terminal is for the test, which then ends it
        )

    async def ready(self) -> None:
        """Wait until it listens."""
        async with asyncio.timeout(PATIENCE):
            while True:
                assert self.alive, f"node {self.settings.index} did not start; see {self._log.name}"
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.settings.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    return

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        self._reap()

    def pause(self) -> None:
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def skew(self, seconds: float) -> None:
        """Let its clock be wrong by that much; the monotonic one stays right."""
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(f"{seconds:+g}\n")
        fresh.replace(self._clock)

    def stop(self) -> None:
        """End it, the polite way first."""
        if self._process is not None and self.alive:
            self._send(signal.SIGCONT)
            self._send(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._send(signal.SIGKILL)
            self._reap()
        self._log.close()

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        environment.pop(BROKEN, None)
        if self._build is not None:
            environment[BROKEN] = self._build
        if faketime() is not None and not self.settings.store.startswith("sqlite:"):
            environment |= wrong_time(self._clock)
        return environment


@contextlib.asynccontextmanager
async def fleet(
    stores: list[str], directory: Path, *, waits: dict[str, float], silence: float | None, build: str | None
) -> AsyncIterator[list[Node]]:
    """A node for each address in `stores`, all listening; stopped in the end. `waits`, `silence`: as in `Settings`."""
    with contextlib.ExitStack() as stack:
        nodes = []
        for index, store in enumerate(stores):
            settings = Settings(
                index=index,
                port=stack.enter_context(_kept_port()),
                store=store,
                events=str(directory / f"events-{index}.jsonl"),
                silence=silence,
                **waits,
            )
            node = Node(settings, directory, build=build)
            stack.callback(node.stop)
            node.start()
            nodes.append(node)
        for node in nodes:
            await node.ready()
        yield nodes


@contextlib.contextmanager
def _kept_port() -> Iterator[int]:
    """A free port that nobody else gets meanwhile: bound, but not listened at."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.bind(("127.0.0.1", 0))
        yield int(keeper.getsockname()[1])
