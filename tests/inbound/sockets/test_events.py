"""A stream of server-sent events ends when its session does: over HTTP, in Starlette."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from tests.frameworks.serving import serve_asgi

from sojourn import Sessions, Sockets
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.bridge import wait
from sojourn.testing import FakeClock
from sojourn.testing.app.client import PATIENCE, Visitor


class Site:
    """Streams of events and of other kinds."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.left = threading.Event()
        """Whether the application is done with a stream."""
        self.made = 0
        """How many parts of streams it has made."""
        self.pause = 0.005
        routes = [Route("/in", self.sign_in), Route("/end", self.end), Route("/events", self.events)]
        middleware = [Middleware(SessionMiddleware, sessions=sessions)]
        self._starlette = Starlette(routes=routes, middleware=middleware)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._starlette(scope, receive, send)
        finally:
            if scope.get("path") == "/events":
                self.left.set()

    async def sign_in(self, request: Request) -> JSONResponse:
        request.session["user"] = "ann"
        return JSONResponse(None)

    async def end(self, request: Request) -> JSONResponse:
        request.session.end()  # type: ignore[attr-defined]
        return JSONResponse(None)

    async def events(self, request: Request) -> StreamingResponse:
        kind = request.query_params.get("kind", "text/event-stream")
        return StreamingResponse(self.ticks(request.session.get("user", "nobody")), media_type=kind)

    async def ticks(self, user: str) -> AsyncIterator[str]:
        for _ in range(200):
            self.made += 1
            yield f"data: {user}\n\n"
            await asyncio.sleep(self.pause)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def site(clock: FakeClock) -> Iterator[Site]:
    sessions = Sessions(clock=clock, sockets=Sockets(check=0.01))
    yield Site(sessions)
    wait(sessions.close())


@contextmanager
def streaming(visitor: Visitor, target: str = "/events") -> Iterator[http.client.HTTPResponse]:
    address = urlsplit(visitor.url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE)) as connection:
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.jar.items())
        connection.request("GET", target, headers={"Cookie": cookies} if cookies else {})
        with connection.getresponse() as response:
            assert response.readline().startswith(b"data: ")
            yield response


@pytest.mark.parametrize("pause", [0.005, 3600], ids=["busy", "idle"])
def test_a_stream_of_events_ends_with_its_session(site: Site, pause: float) -> None:
    site.pause = pause
    with serve_asgi(site) as url:
        visitor = Visitor(url)
        visitor.send("/in")
        with streaming(visitor) as response:
            visitor.twin().send("/end")
            rest = response.read()  # to its end, which is a proper one
        assert rest.count(b"data: ann") < 199
        if pause < PATIENCE:  # Starlette learns that nobody listens any more when it sends the next
            assert site.left.wait(PATIENCE)
            assert site.made < 200


def test_streams_of_other_kinds_and_of_nobody_go_on_to_their_end(site: Site) -> None:
    site.pause = 0.001
    with serve_asgi(site) as url:
        visitor, nobody = Visitor(url), Visitor(url)
        visitor.send("/in")
        with streaming(visitor, "/events?kind=text/csv") as response:
            visitor.twin().send("/end")
            assert response.read().count(b"data: ann") == 199
        with streaming(nobody) as response:
            assert response.read().count(b"data: nobody") == 199


def test_what_a_stream_sends_is_a_use_of_the_session(site: Site, clock: FakeClock) -> None:
    site.pause = 0.01
    with serve_asgi(site) as url:
        visitor = Visitor(url)
        visitor.send("/in")
        with streaming(visitor) as response:
            for _ in range(3):
                clock.advance(minutes=20)
                while wait(site.sessions.find())[0].accessed_at != clock():
                    assert response.readline()
                    wait(site.sessions.flush())
        assert len(wait(site.sessions.find())) == 1
