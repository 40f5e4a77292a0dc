"""A back end that ends signs out of many sessions at a time, in bounded time, and leaves none half closed."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator

import pytest
from tests.outbound.drivers.server import Asked, Reply, Server

from sojourn.core.events import Event
from sojourn.outbound import Backend, Limits
from sojourn.outbound.closing import Logout
from sojourn.outbound.events import SessionClosed

MANY = 100


class Slow:
    """Answers a sign-out when it is let; `most`: how many it had at a time."""

    def __init__(self) -> None:
        self.most = self.ended = self.now = 0
        self.let = threading.Event()
        self.news = threading.Condition()
        self._numbers = itertools.count()

    def __call__(self, asked: Asked) -> Reply:
        if asked.url != "/logout":
            return Reply(headers=((b"Set-Cookie", b"JSESSIONID=%d" % next(self._numbers)),))
        with self.news:
            self.now += 1
            self.most = max(self.most, self.now)
            self.news.notify_all()
        self.let.wait(10)
        with self.news:
            self.now -= 1
            self.ended += 1
        return Reply()

    def wait_for(self, count: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: self.now >= count, 10)


@pytest.fixture
def slow(server: Server) -> Iterator[Slow]:
    slow = server.answer = Slow()
    yield slow
    slow.let.set()


def backend_of(server: Server, told: list[str], limits: Limits | None = None) -> Backend:
    backend = Backend(server.url, reuse="user", auth=("alice", "secret"), closing=Logout(), limits=limits or Limits())

    def listen(event: Event) -> None:
        assert isinstance(event, SessionClosed)
        told.append(event.told)

    backend.listen(listen, SessionClosed)
    return backend


async def held(backend: Backend, count: int = MANY) -> None:
    """Hold that many sessions, and keep connections."""
    await backend.__aenter__()
    async with asyncio.TaskGroup() as tasks:
        for user in range(count):
            tasks.create_task(call(backend, user))
    assert backend.held.sessions == count


async def call(backend: Backend, user: int) -> None:
    async with backend.exchange(user=f"user-{user}") as http:
        await http.get("")


@pytest.mark.parametrize(("calls", "most"), [(None, 20), (3, 3), (50, 20)])
async def test_so_many_are_closed_at_a_time(server: Server, slow: Slow, calls: int | None, most: int) -> None:
    told: list[str] = []
    backend = backend_of(server, told, Limits(calls=calls))
    await held(backend)
    ending = asyncio.ensure_future(backend.aclose())
    await asyncio.to_thread(slow.wait_for, most)
    slow.let.set()
    await ending
    assert (slow.most, slow.ended, told) == (most, MANY, ["yes"] * MANY)


@pytest.mark.parametrize("steps", range(8))
async def test_an_end_that_is_cancelled_has_ended_all_or_not_begun(server: Server, slow: Slow, steps: int) -> None:
    told: list[str] = []
    limits = Limits(sessions=MANY, patience=0.0)
    backend = backend_of(server, told, limits)
    await held(backend)
    ending = asyncio.ensure_future(backend.aclose())
    for _ in range(steps):
        await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert (told, backend.held.sessions) == (["no"] * MANY, 0) if steps else ([], MANY)
    slow.let.set()
    await backend.aclose()
    assert len(told) == MANY
    await held(backend)  # there is room for as many again
    await backend.aclose()


async def test_an_end_that_is_cancelled_in_its_middle_leaves_the_rest_to_expire(server: Server, slow: Slow) -> None:
    told: list[str] = []
    backend = backend_of(server, told)
    await held(backend)
    ending = asyncio.ensure_future(backend.aclose())
    await asyncio.to_thread(slow.wait_for, 20)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert (told, backend.held.sessions) == (["no"] * MANY, 0)


async def test_an_end_waits_for_so_long_for_a_back_end_that_does_not_answer(
    server: Server, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sojourn.outbound.lines.PATIENCE", 0.2)
    told: list[str] = []
    backend = backend_of(server, told)
    await held(backend)
    began = time.monotonic()
    await backend.aclose()
    assert time.monotonic() - began < 5
    assert told == ["failed"] * MANY
    assert slow.most <= 20


def test_an_end_that_waits_asks_no_more_when_its_time_is_over(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slowly(Slow):
        def __call__(self, asked: Asked) -> Reply:
            if asked.url == "/logout":
                time.sleep(0.1)
            return super().__call__(asked)

    slow = server.answer = Slowly()
    slow.let.set()
    monkeypatch.setattr("sojourn.outbound.lines.PATIENCE", 0.3)
    told: list[str] = []
    backend = backend_of(server, told)
    with backend:
        for user in range(10):
            with backend.exchange(user=f"user-{user}") as http:
                http.get("")
    assert sorted(set(told)) == ["failed", "yes"]
    assert (len(told), slow.most) == (10, 1)
    assert 1 <= told.count("yes") <= 4


async def test_where_nothing_is_held_nothing_is_opened(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = backend_of(server, [])
    monkeypatch.setitem(__import__("sys").modules, "sojourn.outbound.drivers.httpx2", None)
    await backend.aclose()
    backend.close()


async def test_who_has_called_by_one_library_needs_no_other_for_the_end(
    server: Server, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow.let.set()
    told: list[str] = []
    backend = backend_of(server, told)
    monkeypatch.setitem(__import__("sys").modules, "sojourn.outbound.drivers.httpx2", None)
    async with backend.exchange(user="alice").aiohttp() as http, http.get("") as response:
        assert response.status == 200
    await backend.aclose()
    with backend.exchange(user="alice").requests() as session:
        assert session.get("").status_code == 200
    await asyncio.to_thread(backend.close)
    assert told == ["yes", "yes"]
