"""Wire: the name of a header as other servers write it."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType
from typing import Self

__all__ = ["Wire"]

_WRITTEN = b"\r\nset-cookie:"  # as granian writes it, always
_CHUNK = 1 << 16


class Wire:
    """Passes connections on to the server behind it, and in the answers writes `Set-Cookie` in another case.

    Names of headers have no case (RFC 9110 §5.1), and a client that compares them byte by byte loses its session.
    """

    def __init__(self, listener: socket.socket, address: tuple[str, int], name: str) -> None:
        """`listener`: where clients connect. `address`: of the server. `name`: of the header, as it is written."""
        self._listener = listener
        self._address = address
        self._name = f"\r\n{name}:".encode()
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, sock=self._listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            behind = await asyncio.open_connection(*self._address)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass(reader, behind[1]))
                    both.create_task(self._pass(behind[0], writer))
            finally:
                behind[1].close()
        except* (OSError, asyncio.CancelledError):  # one side has gone, or the server stops
            pass
        finally:
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The head of an answer is one write of the server's and comes as one piece; both names are equally long.
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk.replace(_WRITTEN, self._name))
            await writer.drain()
        writer.write_eof()
