"""Connections are kept from one client to the next where somebody closes them, and nowhere else."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from tests.outbound.drivers.clients import CLIENTS
from tests.outbound.drivers.server import Server

from sojourn.outbound import Backend
from sojourn.outbound.drivers.way import Way
from sojourn.outbound.lines import Lines

ASYNC = [name for name, kind in CLIENTS.items() if kind.cancels]


async def call(backend: Backend, name: str) -> None:
    async with CLIENTS[name](backend.exchange()) as http:
        await http.call("GET", "rows")


@pytest.mark.parametrize("name", CLIENTS)
async def test_they_are_kept_while_the_back_end_is(server: Server, name: str) -> None:
    async with Backend(server.url, reuse="flow") as backend:
        for _ in range(5):
            await call(backend, name)
        assert server.log.connections == 1
    await asyncio.to_thread(server.wait_closed)


@pytest.mark.parametrize("name", ASYNC)
def test_those_of_event_loops_that_come_and_go_end_with_their_clients(server: Server, name: str) -> None:
    with Backend(server.url, reuse="flow") as backend:
        for _ in range(5):
            asyncio.run(call(backend, name))
        server.wait_closed()


@pytest.mark.parametrize("name", ASYNC)
async def test_those_of_another_event_loop_end_with_their_clients(server: Server, name: str) -> None:
    async with Backend(server.url, reuse="flow") as backend:
        await asyncio.to_thread(lambda: asyncio.run(call(backend, name)))
        await asyncio.to_thread(server.wait_closed)


def test_of_an_event_loop_that_is_closed_none_are_kept() -> None:
    class Ours:
        made = 0

        def __init__(self, way: Way, given: object = None) -> None:
            Ours.made += 1
            self.loop = asyncio.get_running_loop()  # as connections do

    async def left(lines: Lines) -> asyncio.AbstractEventLoop:
        lines.keep_async()
        for _ in range(2):
            lines.open_async(Ours)  # type: ignore[type-var]
        return asyncio.get_running_loop()

    lines = Lines(Way())
    loops = {asyncio.run(left(lines)) for _ in range(5)}
    assert (len(loops), Ours.made) == (5, 5)
    assert len(lines._async) == 1


def test_threads_that_come_at_once_share_one() -> None:
    together, made = threading.Barrier(8), []

    class Ours:
        def __init__(self, way: Way, given: object = None) -> None:
            made.append(self)
            given_time.wait(0.05)

    given_time = threading.Event()
    lines = Lines(Way())
    lines.keep()

    def opened() -> object:
        together.wait()
        return lines.open(Ours)  # type: ignore[type-var]

    with ThreadPoolExecutor(8) as threads:
        got = [each.result() for each in [threads.submit(opened) for _ in range(8)]]
    assert len(made) == 1
    assert got == [(made[0], False)] * 8


async def test_what_the_application_sends_by_is_closed_with_the_client(server: Server) -> None:
    async with Backend(server.url, reuse="flow") as backend:
        async with backend.exchange().httpx2(transport=httpx2.AsyncHTTPTransport()) as http:
            await http.get("rows")
        await asyncio.to_thread(server.wait_closed)
