"""Bodies of httpx2 that are read on the way, and once more by the application."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import httpx2

from sojourn.outbound.drivers.reading import Reading
from sojourn.outbound.visiting.pages import LONGEST

__all__ = ["AsyncBegun", "Begun", "decoded"]


class AsyncBegun(httpx2.AsyncByteStream):
    """A body that was read for a while, from its beginning."""

    def __init__(self, stream: Any) -> None:
        """`stream`: that of an answer."""
        self._stream = stream
        self._pieces = aiter(stream)
        self._head: list[bytes] = []

    async def begin(self) -> list[bytes]:
        """Read what fits; it is read once more for all that."""
        left = LONGEST
        while left > 0 and (piece := await anext(self._pieces, None)) is not None:
            self._head.append(piece)
            left -= len(piece)
        if left > 0:  # that is all, and the connection is free
            await self.aclose()
        return self._head

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._head:
            yield piece
        async for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        if isinstance(self._pieces, AsyncGenerator):
            await self._pieces.aclose()
        await self._stream.aclose()


class Begun(httpx2.SyncByteStream):
    """As `AsyncBegun`."""

    def __init__(self, stream: Any) -> None:
        """As of `AsyncBegun`."""
        self._stream = stream
        self._pieces = iter(stream)
        self._head: list[bytes] = []

    def begin(self) -> list[bytes]:
        """As of `AsyncBegun`."""
        left = LONGEST
        while left > 0 and (piece := next(self._pieces, None)) is not None:
            self._head.append(piece)
            left -= len(piece)
        if left > 0:
            self.close()
        return self._head

    def __iter__(self) -> Iterator[bytes]:
        return itertools.chain(self._head, self._pieces)

    def close(self) -> None:
        self._stream.close()


def decoded(response: httpx2.Response, head: list[bytes]) -> bytes:
    """As far as it goes: of what is wrong with it, the application learns when it reads it."""
    reading = Reading()
    packed = {"Content-Encoding": response.headers.get("content-encoding", "identity")}
    with contextlib.suppress(httpx2.DecodingError):
        for piece in httpx2.Response(200, headers=packed, content=iter(head)).iter_bytes():
            if not reading.take(piece):
                break
    return reading.body
