"""The proxy breaks what goes through it in the ways that it says, and nothing when it is healed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.faults.ground.proxy import Proxy, proxy

SOON = 0.05  # seconds in which an answer would have come


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while line := await reader.readline():
            writer.write(line)
    writer.close()


@contextlib.asynccontextmanager
async def before_an_echo() -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, proxy(server.sockets[0].getsockname()[1]) as standing:
        yield standing


class Caller:
    """Somebody who speaks through a proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, line: bytes) -> bytes:
        """What comes back; empty when the connection is broken."""
        try:
            self._writer.write(line)
            return await self._reader.readline()
        except ConnectionError:
            return b""

    def leave(self) -> None:
        self._writer.close()


@contextlib.asynccontextmanager
async def caller(standing: Proxy) -> AsyncIterator[Caller]:
    calling = Caller(*await asyncio.open_connection("127.0.0.1", standing.port))
    try:
        yield calling
    finally:
        calling.leave()


async def test_what_is_not_broken_goes_through() -> None:
    async with before_an_echo() as standing, caller(standing) as calling:
        assert await calling.say(b"one\n") == b"one\n"
        assert await calling.say(b"two\n") == b"two\n"


async def test_a_cut_breaks_what_there_is_and_lets_others_in() -> None:
    async with before_an_echo() as standing, caller(standing) as calling:
        await calling.say(b"one\n")
        standing.cut()
        assert await calling.say(b"two\n") == b""
        async with caller(standing) as again:
            assert await again.say(b"three\n") == b"three\n"


async def test_a_proxy_that_refuses_lets_nobody_in_until_it_is_healed() -> None:
    async with before_an_echo() as standing:
        standing.refusing = True
        async with caller(standing) as calling:
            assert await calling.say(b"one\n") == b""
        standing.heal()
        async with caller(standing) as calling:
            assert await calling.say(b"two\n") == b"two\n"


async def test_what_hangs_comes_when_it_is_healed() -> None:
    async with before_an_echo() as standing, caller(standing) as calling:
        await calling.say(b"one\n")
        standing.hang()
        answer = asyncio.ensure_future(calling.say(b"two\n"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(answer), SOON)
        standing.heal()
        assert await answer == b"two\n"


async def test_a_delay_goes_both_ways() -> None:
    async with before_an_echo() as standing, caller(standing) as calling:
        await calling.say(b"one\n")
        standing.delay = SOON
        loop = asyncio.get_running_loop()
        begun_at = loop.time()
        assert await calling.say(b"two\n") == b"two\n"
        assert loop.time() - begun_at >= 2 * SOON


async def test_half_an_exchange_reaches_the_store_and_never_the_node() -> None:
    heard: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                heard.append(line)
                writer.write(line)
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    async with server, proxy(server.sockets[0].getsockname()[1]) as standing, caller(standing) as calling:
        standing.halves = True
        assert await calling.say(b"set\n") == b""
        assert heard == [b"set\n"]
        async with caller(standing) as again:
            assert await again.say(b"get\n") == b"get\n"


async def test_a_watch_is_known_by_what_it_says_and_broken_alone() -> None:
    async with before_an_echo() as standing, caller(standing) as watching, caller(standing) as calling:
        await watching.say(b"subscribe changes\n")
        await calling.say(b"one\n")
        standing.cut(watches_only=True)
        assert await watching.say(b"still there?\n") == b""
        assert await calling.say(b"two\n") == b"two\n"


async def test_a_watch_falls_silent_alone() -> None:
    async with before_an_echo() as standing, caller(standing) as watching, caller(standing) as calling:
        await watching.say(b"LISTEN changes\n")
        standing.hang_watches()
        news = asyncio.ensure_future(watching.say(b"news\n"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(news), SOON)
        assert await calling.say(b"one\n") == b"one\n"
        standing.heal()
        assert await news == b"news\n"


async def test_a_store_that_is_away_breaks_connections() -> None:
    async with before_an_echo() as standing:
        standing.target = 1  # nobody listens there
        async with caller(standing) as calling:
            assert await calling.say(b"one\n") == b""
