"""What stands before a back end: a door that speaks TLS, and a forward proxy. Real servers, in a thread."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import ssl
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_AUTHORIZATION = re.compile(rb"\r\nProxy-Authorization: *([^\r]*)", re.IGNORECASE)
_HOP = re.compile(rb"\r\n(?:Proxy-[\w-]+|Connection):[^\r]*", re.IGNORECASE)


@dataclass
class Passed:
    """What came to the proxy."""

    lines: list[str] = field(default_factory=list)
    """Method and target, as `CONNECT erp.test:443`."""
    users: set[str] = field(default_factory=set)
    """Who asked; empty: whoever said nothing."""
    refused: int = 0


class Relays:
    """Both of them, as `with`, before what serves http at `port` of the loopback. Each serves on a free port."""

    def __init__(self, port: int, tls: ssl.SSLContext, *, password: str | None = None) -> None:
        """`tls`: of the door. `password`: what the proxy asks of the user `flow`; None: it lets everybody."""
        self._behind = port
        self._tls = tls
        self._password = password
        self.passed = Passed()
        self.door = self.proxy = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._writers: list[asyncio.StreamWriter] = []

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        self._loop.set_exception_handler(lambda _loop, _context: None)  # clients may break off in a handshake
        self._servers = [
            await asyncio.start_server(self._at_door, "127.0.0.1", 0, ssl=self._tls),
            await asyncio.start_server(self._at_proxy, "127.0.0.1", 0),
        ]
        self.door, self.proxy = (each.sockets[0].getsockname()[1] for each in self._servers)

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)  # they are gone a moment later

    async def _at_door(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        await _both_ways((reader, writer), await self._open(self._behind))

    async def _open(self, port: int) -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers.append(writer)
        return reader, writer

    async def _at_proxy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All names lead here: to the door where a tunnel is asked for, else past it."""
        self._writers.append(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        method, target, _ = head.split(b" ", 2)
        self.passed.lines.append(f"{method.decode()} {target.decode()}")
        if not self._lets_in(head):
            self.passed.refused += 1
            writer.write(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
        elif method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 Go\r\n\r\n")
            await _both_ways((reader, writer), await self._open(self.door))
        else:
            await self._forward(head.replace(target, _path(target), 1), (reader, writer))

    def _lets_in(self, head: bytes) -> bool:
        found = _AUTHORIZATION.search(head)
        pair = base64.b64decode(found[1].removeprefix(b"Basic ")).decode() if found is not None else ""
        self.passed.users.add(pair.partition(":")[0])
        return self._password is None or pair == f"flow:{self._password}"

    async def _forward(self, head: bytes, client: Streams) -> None:
        """One request, and its answer; then the connection ends."""
        behind = await self._open(self._behind)
        behind[1].write(_HOP.sub(b"", head).replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        body = asyncio.ensure_future(_one_way(client[0], behind[1]))
        answer = await behind[0].readuntil(b"\r\n\r\n")
        client[1].write(_HOP.sub(b"", answer).replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        await _one_way(behind[0], client[1])
        body.cancel()
        behind[1].close()


def _path(target: bytes) -> bytes:
    parts = urlsplit(target)
    return (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")


async def _both_ways(one: Streams, other: Streams) -> None:
    await asyncio.gather(_one_way(one[0], other[1]), _one_way(other[0], one[1]))


async def _one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    writer.close()
