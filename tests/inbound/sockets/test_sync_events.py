"""A stream of events that sync code makes ends with its session, too: in WSGI, and in Django, where async code may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest
from tests.fixtures.django import site

site.set_up()

from django.http import StreamingHttpResponse  # noqa: E402 - Django has to be set up first
from django.test import RequestFactory  # noqa: E402
from django.test.client import AsyncRequestFactory  # noqa: E402

from sojourn import Sessions, Sockets  # noqa: E402
from sojourn.inbound import django, wsgi  # noqa: E402
from sojourn.inbound.bridge import wait  # noqa: E402
from sojourn.testing import FakeClock  # noqa: E402

EVENTS = "text/event-stream"

Make = Callable[[Any], Iterator[bytes]]


class Body(Protocol):
    """What a server iterates over, and closes."""

    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


def in_wsgi(sessions: Sessions, make: Make, kind: str) -> Body:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ[wsgi.SESSION]["a"] = 1
        start_response("200 OK", [("Content-Type", kind)])
        return make(environ[wsgi.SESSION])

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http"}
    body: Any = wsgi.SessionMiddleware(app, sessions)(environ, lambda *_: print)
    return body  # type: ignore[no-any-return]


def in_django(sessions: Sessions, make: Make, kind: str) -> Body:
    def view(request: Any) -> StreamingHttpResponse:
        request.session["a"] = 1
        return StreamingHttpResponse(make(request.session), content_type=kind)

    response: Any = django.SessionMiddleware(view, sessions)(RequestFactory().get("/"))
    return response  # type: ignore[no-any-return]


SIDES = pytest.mark.parametrize("answer", [in_wsgi, in_django])
Side = Callable[[Sessions, Make, str], Body]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sessions(clock: FakeClock) -> Iterator[Sessions]:
    sessions = Sessions(clock=clock, sockets=Sockets(check=1e-9))
    yield sessions
    assert sessions.active == 0
    wait(sessions.close())


def ticks(_session: Any) -> Iterator[bytes]:
    for number in range(10):
        yield b"data: %d\n\n" % number


def end(sessions: Sessions) -> None:
    [record] = wait(sessions.find())
    wait(sessions.end(record.ref))


@SIDES
def test_a_stream_of_events_ends_with_its_session(sessions: Sessions, answer: Side) -> None:
    body = answer(sessions, ticks, EVENTS)
    parts = iter(body)
    assert [next(parts), next(parts)] == [b"data: 0\n\n", b"data: 1\n\n"]
    end(sessions)
    assert list(parts) == []
    body.close()


@SIDES
def test_streams_of_other_kinds_go_on_to_their_end(sessions: Sessions, answer: Side) -> None:
    body = answer(sessions, ticks, "text/csv")
    parts = iter(body)
    next(parts)
    end(sessions)
    assert len(list(parts)) == 9
    body.close()


@SIDES
def test_what_a_stream_sends_is_a_use_of_the_session(sessions: Sessions, clock: FakeClock, answer: Side) -> None:
    body = answer(sessions, ticks, EVENTS)
    parts = iter(body)
    next(parts)
    for _ in range(3):
        clock.advance(minutes=20)
        assert next(parts)
        wait(sessions.flush())
    assert wait(sessions.find())[0].accessed_at == clock()
    body.close()


@SIDES
def test_a_stream_that_sends_nothing_is_no_use_and_is_over_when_it_would(
    sessions: Sessions, clock: FakeClock, answer: Side
) -> None:
    body = answer(sessions, ticks, EVENTS)
    parts = iter(body)
    next(parts)
    clock.advance(minutes=40)
    assert list(parts) == []
    body.close()


@SIDES
def test_what_a_stream_does_late_brings_no_ended_session_back(sessions: Sessions, answer: Side) -> None:
    left: list[Any] = []

    def late(session: Any) -> Iterator[bytes]:
        try:
            yield from ticks(session)
        finally:
            left.append(True)
            session["a"] = "late"

    body = answer(sessions, late, EVENTS)
    parts = iter(body)
    next(parts)

    end(sessions)
    assert list(parts) == []
    body.close()
    assert (left, wait(sessions.find())) == ([True], [])


@SIDES
def test_a_stream_that_learns_itself_that_the_session_has_ended_is_over(sessions: Sessions, answer: Side) -> None:
    def saves(session: Any) -> Iterator[bytes]:
        yield b"first"
        while True:
            session["n"] = session.get("n", 0) + 1
            yield b"next"

    body = answer(sessions, saves, EVENTS)
    parts = iter(body)
    assert [next(parts), next(parts)] == [b"first", b"next"]
    end(sessions)
    assert list(parts) == []
    body.close()
    assert wait(sessions.find()) == []


# --- Django, where async code makes it -------------------------------------------------------------------------------


async def in_django_async(sessions: Sessions, make: Callable[[Any], AsyncIterator[bytes]]) -> Any:
    async def view(request: Any) -> StreamingHttpResponse:
        request.session["a"] = 1
        return StreamingHttpResponse(make(request.session), content_type=EVENTS)

    return await django.SessionMiddleware(view, sessions)(AsyncRequestFactory().get("/"))


@asynccontextmanager
async def opened() -> AsyncIterator[Sessions]:
    sessions = Sessions(sockets=Sockets(check=0.01))
    yield sessions
    assert sessions.active == 0
    await sessions.close()


@pytest.mark.parametrize("pause", [0.001, 3600], ids=["busy", "idle"])
async def test_an_async_stream_of_events_ends_with_its_session(pause: float) -> None:
    async with opened() as sessions:
        left = asyncio.Event()

        async def make(_session: Any) -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"data"
                    await asyncio.sleep(pause)
            finally:
                left.set()

        answer = await in_django_async(sessions, make)
        parts = aiter(answer)
        assert await anext(parts) == b"data"
        [record] = await sessions.find()
        await sessions.end(record.ref)
        async with asyncio.timeout(10):
            assert {part async for part in parts} <= {b"data"}
            await left.wait()
        answer.close()


async def test_an_async_stream_whose_visitor_leaves_is_over_before_its_session_is() -> None:
    async with opened() as sessions:

        async def make(session: Any) -> AsyncIterator[bytes]:
            try:
                yield b"data"
                await asyncio.sleep(3600)
            finally:
                session["left"] = True

        answer = await in_django_async(sessions, make)

        async def serve() -> None:
            async for _ in answer:
                reading.set()

        reading = asyncio.Event()
        serving = asyncio.create_task(serve())
        await reading.wait()
        await asyncio.sleep(0)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        answer.close()


async def test_an_async_stream_may_run_out_of_time_by_itself() -> None:
    async with opened() as sessions:

        async def make(_session: Any) -> AsyncIterator[bytes]:
            yield b"data"
            async with asyncio.timeout(0):
                await asyncio.sleep(1)

        answer = await in_django_async(sessions, make)
        with pytest.raises(TimeoutError):
            [part async for part in answer]
        answer.close()


@SIDES
def test_a_short_stream_has_its_session_to_the_end(sessions: Sessions, answer: Side) -> None:
    def make(session: Any) -> Iterator[bytes]:
        yield b"data"
        session["late"] = True

    body = answer(sessions, make, EVENTS)
    assert list(body) == [b"data"]
    body.close()
    assert wait(sessions.find())[0].version == 2
