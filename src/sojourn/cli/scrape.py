"""Scrape: the figures of all workers in one answer, for Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

__all__ = ["PATH", "Endpoint", "Scrape", "figures_at", "merged"]

PATH = b"/metrics"
PATIENCE = 5.0  # seconds that a worker may take to answer, and a client to ask; Prometheus itself waits for 10

_SAMPLE = re.compile(rb"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?( .*)$")
_STATUS = {200: b"200 OK", 404: b"404 Not Found", 405: b"405 Method Not Allowed"}


class Endpoint:
    """Answers `GET /metrics` on a listening socket: the little of HTTP that this takes, one answer a connection."""

    def __init__(self, listener: socket.socket, text: Callable[[], Awaitable[bytes]]) -> None:
        """`text`: what to answer."""
        self._listener = listener
        self._text = text
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, sock=self._listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(2 * PATIENCE):
                method, target, _ = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)
                writer.write(await self._response(method, target.partition(b"?")[0]))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
            return  # that was no request, or nobody waits for the answer
        finally:
            writer.close()

    async def _response(self, method: bytes, path: bytes) -> bytes:
        status = 404 if path != PATH else 405 if method not in (b"GET", b"HEAD") else 200
        body = await self._text() if status == 200 else b""
        head = (
            b"HTTP/1.1 %b\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\ncontent-length: %d\r\n"
            b"cache-control: no-store\r\nconnection: close\r\n\r\n" % (_STATUS[status], len(body))
        )
        return head if method == b"HEAD" else head + body


class Scrape:
    """Asks all workers for what they have counted."""

    def __init__(self, workers: int) -> None:
        """`workers`: how many there are to be. They have numbers from 1 on, and one that takes another's place its."""
        self._ports: dict[int, int | None] = dict.fromkeys(range(1, workers + 1), None)

    def serves(self, number: int, port: int | None) -> None:
        """A worker serves, and tells at that port of the loopback."""
        self._ports[number] = port

    def ended(self, number: int) -> None:
        """A worker has ended."""
        self._ports[number] = None

    async def text(self) -> bytes:
        """What they tell."""
        return merged(dict(zip(self._ports, await asyncio.gather(*map(figures_at, self._ports.values())), strict=True)))


async def figures_at(port: int | None) -> bytes | None:
    """What the endpoint at a port of the loopback answers; None when it does not in time, or there is none."""
    if port is None:
        return None
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET %b HTTP/1.1\r\nhost: localhost\r\n\r\n" % PATH)
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
            return body if head.startswith(b"HTTP/1.1 200 ") else None
    return None


def merged(texts: Mapping[int, bytes | None]) -> bytes:
    """One text of those of the workers, by their numbers: each sample with a label `worker`, each family in one place.

    Beside them, which workers have answered. Added up they would be wrong: a worker that takes the place of another
    begins at 0.
    """
    families: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
    for number, text in texts.items():
        samples: list[bytes] = []
        for line in (text or b"").splitlines():
            if line.startswith(b"# HELP "):
                head, samples = families.setdefault(line.split(b" ", 3)[2], ([], []))
                new = not head
            if line.startswith(b"#"):
                if new:
                    head.append(line)
            elif (found := _SAMPLE.match(line)) is not None:
                name, labels, rest = found.groups()
                samples.append(b'%b{worker="%d"%b}%b' % (name, number, b"," + labels if labels else b"", rest))
    lines = [line for head, samples in families.values() for line in (*head, *samples)]
    lines += [b"# HELP sojourn_worker_up 1 while the worker answers.", b"# TYPE sojourn_worker_up gauge"]
    lines += [b'sojourn_worker_up{worker="%d"} %d' % (number, text is not None) for number, text in texts.items()]
    return b"\n".join(lines) + b"\n"
