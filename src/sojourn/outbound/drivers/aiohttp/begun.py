"""Bodies of aiohttp that are read on the way, and once more by the application."""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp.base_protocol import BaseProtocol

from sojourn.outbound.visiting.pages import LONGEST

__all__ = ["begin", "content_of"]


def content_of(body: bytes) -> aiohttp.StreamReader:
    """For the application, who may read it from there."""
    content = aiohttp.StreamReader(BaseProtocol(asyncio.get_running_loop()), max(len(body), 1))
    content.feed_data(body)
    content.feed_eof()
    return content


async def begin(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of a body, which the application reads once more for all that."""
    head, content = bytearray(), response.content
    while len(head) < LONGEST and (piece := await content.readany()):
        head += piece
    body = bytes(head)
    response.content = content_of(body) if len(body) < LONGEST else _Begun(body, content)
    return body


class _Begun(aiohttp.StreamReader):
    """What was read, and then what comes."""

    def __init__(self, head: bytes, content: aiohttp.StreamReader) -> None:
        super().__init__(_Still(asyncio.get_running_loop()), len(head))
        self._content = content
        self.feed_data(head)

    async def _wait(self, func_name: str) -> None:  # noqa: ARG002 - what all that reads calls when nothing is there
        if piece := await self._content.readany():
            self.feed_data(piece)
        else:
            self.feed_eof()


class _Still(BaseProtocol):
    """Holds nobody up: that is done where it is read from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self, resume_parser: bool = True) -> None: ...  # noqa: FBT001, FBT002 - aiohttp's own
