"""The load: visitors who send one request after another, take the cookies that they are given, and share connections.

Run as a process of its own: reads its orders as JSON from standard input and writes what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import deque
from typing import Any

import uvloop

__all__ = ["main"]


class Visitor:
    """Whose requests they are: a cookie jar, as bytes that can be sent."""

    __slots__ = ("_jar", "header", "last")

    def __init__(self, cookies: dict[str, str]) -> None:
        """`cookies`: those that it has already."""
        self._jar = cookies
        self.last = 0
        self._write()

    def take(self, head: bytes) -> None:
        """Keep what a response sets."""
        for line in head.split(b"\r\n")[1:]:
            if line[:11].lower() == b"set-cookie:":
                name, _, value = line[11:].split(b";", 1)[0].strip().partition(b"=")
                self._jar[name.decode()] = value.decode()
        self._write()

    def _write(self) -> None:
        line = "; ".join(f"{name}={value}" for name, value in self._jar.items())
        self.header = f"cookie: {line}\r\n".encode() if line else b""

    @property
    def cookies(self) -> dict[str, str]:
        """What is in the jar."""
        return self._jar


class Load:
    """One measurement."""

    def __init__(self, orders: dict[str, Any]) -> None:
        """`orders`: ports, path, share of writes, seconds, connections, sticky, visitors, affinity."""
        self.ports: list[int] = orders["ports"]
        self.visitors = [Visitor(cookies) for cookies in orders["visitors"]]
        self.share: float = orders["share"]
        self.sticky: bool = orders["sticky"]
        self.waiting = [deque[Visitor]() for _ in self.ports]
        self.idle: list[list[Connection]] = [[] for _ in self.ports]
        self.took: list[float] = []
        self.failed = 0
        self.running = True
        path = orders["path"]
        self.lines = [f"{method} {path} HTTP/1.1\r\nhost: bench\r\n".encode() for method in ("GET", "POST")]
        for number, visitor in enumerate(self.visitors):
            visitor.last = number % len(self.ports)
            self.waiting[visitor.last].append(visitor)

    async def run(self, seconds: float, connections: int) -> float:
        """Go; how many seconds it took."""
        loop = asyncio.get_running_loop()
        for number in range(connections):
            at = number % len(self.ports)
            await loop.create_connection(lambda at=at: Connection(self, at), "127.0.0.1", self.ports[at])
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        self.running = False
        took = time.perf_counter() - began
        await asyncio.sleep(0.1)
        return took

    def next(self, connection: Connection) -> Visitor | None:
        """Who sends the next request over a connection; None when all are waiting for an answer."""
        if not self.running:
            return None
        if self.waiting[connection.at]:
            return self.waiting[connection.at].popleft()
        self.idle[connection.at].append(connection)
        return None

    def done(self, visitor: Visitor) -> None:
        """The visitor may send again: to the same node, or to the next."""
        if not self.sticky:
            visitor.last = (visitor.last + 1) % len(self.ports)
        self.waiting[visitor.last].append(visitor)
        if self.idle[visitor.last]:
            self.idle[visitor.last].pop().go()


class Connection(asyncio.Protocol):
    """A connection to one node, which has one request under way."""

    def __init__(self, load: Load, at: int) -> None:
        """`at`: which node."""
        self.load = load
        self.at = at
        self.received = b""
        self.visitor: Visitor | None = None
        self.sent_at = 0.0

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        self.go()

    def go(self) -> None:
        """Send the next request."""
        visitor = self.visitor = self.load.next(self)
        if visitor is not None:
            line = self.load.lines[random.random() < self.load.share]
            body = b"content-length: 0\r\n\r\n" if line.startswith(b"POST") else b"\r\n"
            self.sent_at = time.perf_counter()
            self.transport.write(line + visitor.header + body)

    def data_received(self, data: bytes) -> None:
        """Take an answer, whole."""
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0 or self.visitor is None:
            return
        head = self.received[:end]
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 : at + 25].split(b"\r\n", 1)[0])
        if len(self.received) < end + 4 + length:
            return
        self.received = b""
        self.load.took.append(time.perf_counter() - self.sent_at)
        if not head.startswith(b"HTTP/1.1 200"):
            self.load.failed += 1
        if b"set-cookie:" in lower:
            self.visitor.take(head)
        self.load.done(self.visitor)
        self.go()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it, if it was needed."""
        if self.load.running:
            self.load.failed += 1


def main() -> None:
    """Read the orders, send the load, write what was seen."""
    orders = json.load(sys.stdin)
    if orders["affinity"]:
        os.sched_setaffinity(0, orders["affinity"])
    random.seed(1)
    load = Load(orders)
    took = uvloop.run(load.run(orders["seconds"], orders["connections"]))
    times = sorted(load.took) or [0.0]
    seen = {
        "requests": len(load.took),
        "seconds": took,
        "failed": load.failed,
        "p50": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
        "visitors": [visitor.cookies for visitor in load.visitors],
    }
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
