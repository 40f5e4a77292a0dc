"""Proxy: stands between one node and the store, and breaks what goes through it in every way that networks have."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

SIGNS_OF_A_WATCH = (b"SUBSCRIBE", b"LISTEN")  # what a client says on the connection by which it is told of changes
FIRST_BYTES = 65536


class Pair:
    """One connection of a node, and the one to the store that belongs to it."""

    def __init__(self, proxy: Proxy, node: asyncio.StreamWriter, store: asyncio.StreamWriter) -> None:
        self.watches = False
        self._proxy = proxy
        self._node = node
        self._store = store

    async def carry(self, from_node: asyncio.StreamReader, from_store: asyncio.StreamReader) -> None:
        """Carry bytes both ways until one side closes."""
        ways = [
            asyncio.ensure_future(self._carry(from_node, self._store, asks=True)),
            asyncio.ensure_future(self._carry(from_store, self._node, asks=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.cut()

    def cut(self) -> None:
        """Close both sides at once, whatever is on its way."""
        for writer in (self._node, self._store):
            writer.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while received := await source.read(FIRST_BYTES):
                if asks and any(sign in received.upper() for sign in SIGNS_OF_A_WATCH):
                    self.watches = True
                received = await self._proxy.pass_on(self, received, asks=asks)
                target.write(received)
                await target.drain()


class Proxy:
    """Listens on the loopback, on a port that stays the same, and hands on to `target`. The switches are its faults."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.refusing = False
        self.delay = 0.0  # seconds, each way
        self.watch_delay = 0.0  # the same, for what the watch is told
        self.halves = False
        """Whether the next reply is cut in the middle."""
        self.carried = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._watch_flowing = asyncio.Event()
        self._watch_flowing.set()
        self._pairs: set[Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pairs(self) -> int:
        return len(self._pairs)

    def cut(self, *, watches_only: bool = False) -> None:
        """Break the connections that there are."""
        for pair in tuple(self._pairs):
            if pair.watches or not watches_only:
                pair.cut()

    def hang(self) -> None:
        """Swallow everything: connections are accepted, and nothing comes back."""
        self._flowing.clear()

    def hang_watches(self) -> None:
        """The same for what the watch is told; everything else works."""
        self._watch_flowing.clear()

    def heal(self) -> None:
        """Work as if nothing had been."""
        self.refusing = self.halves = False
        self.delay = self.watch_delay = 0.0
        self._flowing.set()
        self._watch_flowing.set()

    async def pass_on(self, pair: Pair, received: bytes, *, asks: bool) -> bytes:
        """What is left of some bytes, when their time has come."""
        self.carried += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if pair.watches and not asks:
            if self.watch_delay:
                await asyncio.sleep(self.watch_delay)
            await self._watch_flowing.wait()
        await self._flowing.wait()
        if self.halves and not asks and not pair.watches:
            self.halves = False
            pair.cut()  # the store has done it, and the node does not learn so
            raise ConnectionResetError
        return received

    async def accept(self, from_node: asyncio.StreamReader, to_node: asyncio.StreamWriter) -> None:
        """Serve one connection of the node."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(from_node, to_node)
        finally:
            self._tasks.discard(task)

    async def _serve(self, from_node: asyncio.StreamReader, to_node: asyncio.StreamWriter) -> None:
        if self.refusing:
            to_node.transport.abort()
            return
        try:
            from_store, to_store = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            to_node.transport.abort()
            return
        pair = Pair(self, to_node, to_store)
        self._pairs.add(pair)
        try:
            await pair.carry(from_node, from_store)
        finally:
            self._pairs.discard(pair)

    async def close(self) -> None:
        self.heal()
        self.cut()
        await asyncio.gather(*self._tasks)  # cancelled they would complain (until Python 3.12)


@contextlib.asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    """A proxy in front of the port `target` of the loopback."""
    running = Proxy(target)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # by name, for TCP_NODELAY
    listener.bind(("127.0.0.1", 0))
    running.port = listener.getsockname()[1]
    server = await asyncio.start_server(running.accept, sock=listener, backlog=512)
    try:
        yield running
    finally:
        server.close()
        await running.close()
        await server.wait_closed()
