"""A running `sojourn serve`, as the tests see it: its events, its answers, its processes."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

COMMAND = str(Path(sys.executable).with_name("sojourn"))
HERE = Path(__file__).parent
PATIENCE = 20.0


class Answer(NamedTuple):
    status: int
    body: Any
    cookies: list[str]


class Served:
    """Started with `--json`; `event` and `until` wait, and fail the test when nothing comes."""

    def __init__(self, directory: Path, *arguments: str, cwd: Path = HERE) -> None:
        self.process = subprocess.Popen(
            [COMMAND, *arguments, "--port", "0", "--json"],
            cwd=cwd,
            env={**os.environ, "TEST_DIRECTORY": str(directory), "TMPDIR": str(directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.workers: set[int] = set()
        self.port = 0
        self.store = ""
        self.metrics = ""
        streams = (self.process.stdout, self.process.stderr)
        self._readers = [threading.Thread(target=self._read, args=(stream,), daemon=True) for stream in streams]
        for reader in self._readers:
            reader.start()

    def up(self) -> Self:
        started = self.event("started")
        self.workers = set(started["workers"])
        self.port = int(started["url"].rpartition(":")[2])
        self.store = started["store"]
        self.metrics = started.get("metrics", "")
        return self

    def event(self, name: str) -> dict[str, Any]:
        """Wait for the next event of this name; others stay for who asks for them."""
        deadline = time.monotonic() + PATIENCE
        others: list[dict[str, Any]] = []
        while True:
            event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            if event.get("event") == name:
                for other in others:
                    self._events.put(other)
                return event
            others.append(event)

    def rest(self) -> list[str]:
        """What was said that nobody has asked for, once it has ended."""
        for reader in self._readers:
            reader.join(PATIENCE)
        return [self._events.get()["event"] for _ in range(self._events.qsize())]

    def get(self, path: str = "/", *, cookie: str = "") -> Answer:
        """Ask on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={"cookie": cookie} if cookie else {})
            response = connection.getresponse()
            cookies = [value for name, value in response.getheaders() if name.lower() == "set-cookie"]
            return Answer(response.status, json.loads(response.read()), cookies)
        finally:
            connection.close()

    def kill(self, pid: int) -> int:
        """Kill a worker; return the one that serves in its place."""
        os.kill(pid, signal.SIGKILL)
        replaced = self.event("replaced")
        assert replaced["before"] == pid
        successor: int = replaced["pid"]
        self.workers = self.workers - {pid} | {successor}
        return successor

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End what a failed test may have left; workers follow their supervisor."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)  # it ends with the last worker

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                try:
                    self._events.put(json.loads(line))
                except ValueError:
                    self._events.put({"event": "noise", "text": line})


Serve = Callable[..., Served]
"""Starts a command for the length of a test: the target, then options."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no pipe tells."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that is to end by itself."""
    return subprocess.run([COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False)


def cookie_of(answer: Answer) -> str:
    """The Cookie header that a browser would send next."""
    return "; ".join(each.partition(";")[0] for each in answer.cookies)
