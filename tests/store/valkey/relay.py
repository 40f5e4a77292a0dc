"""A relay before a server, that can lose what it answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Relay:
    """Listens on the loopback and hands on to `target`; counts what goes by."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.requests: list[bytes] = []
        self.deaf = False
        """Whether it closes the connection instead of handing on an answer."""
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self.serving: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Close all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def meet(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.create_task(self._serve(client, to_client)))

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {to_client, to_server}
        ways = [asyncio.create_task(self._ask(client, to_server)), asyncio.create_task(self._answer(server, to_client))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for writer in (to_client, to_server):
                self._writers.discard(writer)
                writer.transport.abort()

    async def _ask(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while received := await source.read(1 << 20):
                self.requests.append(received)
                target.write(received)

    async def _answer(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while (received := await source.read(1 << 20)) and not self.deaf:
                target.write(received)


@contextlib.asynccontextmanager
async def relayed(target: int) -> AsyncIterator[Relay]:
    relay = Relay(target)
    server = await asyncio.start_server(relay.meet, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.cut()
        await asyncio.gather(*relay.serving)
