"""What is aiohttp's own: its ways to answer, its sub-applications, its cancellation, its clean-up."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from tests.fixtures.watched import WatchedStore, fails
from tests.frameworks.servers.aiohttp import serve_aiohttp
from tests.inbound.resting import rest

from sojourn import Cookie, Sessions
from sojourn.errors import SettingError
from sojourn.inbound.aiohttp import SESSION, get_session, setup
from sojourn.inbound.bridge import wait
from sojourn.inbound.lasting import Sockets
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.socket import connected

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATIENCE = 10  # seconds of real time
QUICK = Sockets(check=0.01)


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore(MemoryStore())


@pytest.fixture
def sessions(store: WatchedStore) -> Sessions:
    return Sessions(store)


async def count(request: web.Request) -> web.Response:
    session = await get_session(request)
    session["n"] = session.get("n", 0) + 1
    return web.json_response(session["n"])


def application(sessions: Sessions, **handlers: Handler) -> web.Application:
    app = web.Application()
    setup(app, sessions)
    for name, handler in {"count": count, **handlers}.items():
        app.router.add_get(f"/{name}", handler)
    return app


@contextmanager
def serving(app: web.Application, *, handler_cancellation: bool = False) -> Iterator[Visitor]:
    with serve_aiohttp(app, handler_cancellation=handler_cancellation) as url:
        yield Visitor(url)


def test_what_a_file_is_answered_with_is_stored(sessions: Sessions, tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"a page")

    async def file(request: web.Request) -> web.FileResponse:
        await count(request)
        return web.FileResponse(tmp_path / "page")

    with serving(application(sessions, file=file)) as visitor:
        assert visitor.ask("file").body == b"a page"
        assert visitor.ask("count").value == 2


def test_a_redirect_that_is_raised_takes_the_session_along(sessions: Sessions) -> None:
    async def log_in(request: web.Request) -> web.Response:
        request[SESSION].principal = "alice"
        raise web.HTTPSeeOther("/count")

    async def who(request: web.Request) -> web.Response:
        return web.json_response(request[SESSION].principal)

    with serving(application(sessions, log_in=log_in, who=who)) as visitor:
        answer = visitor.ask("log_in")
        assert (answer.status, answer.all("location"), len(answer.cookies)) == (303, ["/count"], 2)
        assert visitor.ask("who").value == "alice"


def test_what_a_raised_error_of_the_servers_changed_is_dropped(sessions: Sessions) -> None:
    async def fail(request: web.Request) -> web.Response:
        await count(request)
        raise web.HTTPInternalServerError

    with serving(application(sessions, fail=fail)) as visitor:
        assert (visitor.ask("fail").status, visitor.jar) == (500, {})


def test_a_body_that_is_made_while_it_is_sent_has_the_session(sessions: Sessions) -> None:
    async def stream(request: web.Request) -> web.Response:
        session = await get_session(request)
        session["early"] = True

        async def parts() -> AsyncIterator[bytes]:
            yield b"first"
            session["late"] = True
            yield b"last"

        return web.Response(body=parts())

    async def read(request: web.Request) -> web.Response:
        return web.json_response(dict(await get_session(request)))

    with serving(application(sessions, stream=stream, read=read)) as visitor:
        assert visitor.ask("stream").body == b"firstlast"
        rest(sessions)
        assert visitor.ask("read").value == {"early": True, "late": True}


def test_cookies_and_headers_of_the_application_stay(sessions: Sessions) -> None:
    async def both(request: web.Request) -> web.Response:
        await count(request)
        response = web.Response(text="ü", headers={"X-Name": "Zoë ✓", "Vary": "Accept"})
        response.set_cookie("colour", "blue")
        return response

    with serving(application(sessions, both=both)) as visitor:
        answer = visitor.ask("both")
        assert (answer.cookies["colour"], len(answer.cookies)) == ("blue", 3)
        assert answer.all("vary") == ["Accept, Cookie"]
        assert answer.all("x-name")[0].encode("latin-1").decode() == "Zoë ✓"


def test_a_stream_that_is_refused_leaves_nothing_of_its_encoding(sessions: Sessions, store: WatchedStore) -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        await count(request)
        response = web.StreamResponse()
        response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        return response

    store.before["save"] = fails
    with serving(application(sessions, stream=stream)) as visitor:
        answer = visitor.send("/stream")
        assert (answer.status, answer.body) == (503, b"Please try again soon.")
        assert answer.all("content-encoding") + answer.all("transfer-encoding") == []


def test_an_application_that_catches_the_refusal_of_its_stream_answers_itself(
    sessions: Sessions, store: WatchedStore
) -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        await count(request)
        response = web.StreamResponse()
        with pytest.raises(Exception, match="out of reach"):
            await response.prepare(request)
        return web.Response(status=418, text="later")

    store.before["save"] = fails
    with serving(application(sessions, stream=stream)) as visitor:
        answer = visitor.ask("stream")
        assert (answer.status, answer.body, answer.cookies) == (418, b"later", {})


def test_a_visitor_who_leaves_a_handler_that_is_cancelled_changes_nothing(sessions: Sessions) -> None:
    reached, left = threading.Event(), threading.Event()

    async def slow(request: web.Request) -> web.Response:
        await count(request)
        reached.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            left.set()
        return web.Response()

    with serving(application(sessions, slow=slow), handler_cancellation=True) as visitor:
        visitor.ask("count")
        _leave(visitor, "/slow", reached)
        assert left.wait(PATIENCE)
        rest(sessions)
        assert visitor.ask("count").value == 2


def test_what_a_visitor_who_leaves_had_changed_is_stored_where_handlers_go_on(sessions: Sessions) -> None:
    reached, go_on = threading.Event(), threading.Event()

    async def slow(request: web.Request) -> web.Response:
        await count(request)
        reached.set()
        await asyncio.to_thread(go_on.wait, PATIENCE)
        return web.Response()

    with serving(application(sessions, slow=slow)) as visitor:
        visitor.ask("count")
        _leave(visitor, "/slow", reached)
        go_on.set()
        rest(sessions)
        assert visitor.ask("count").value == 3


async def echo(request: web.Request) -> web.WebSocketResponse:
    request[SESSION].get("n")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_json(message.data)
    return socket


def test_a_socket_is_closed_when_its_session_ends(store: WatchedStore) -> None:
    sessions = Sessions(store, sockets=QUICK)
    with serving(application(sessions, socket=echo)) as visitor:
        visitor.ask("count")
        with connected(visitor) as socket:
            assert socket.say("hello") == "hello?"
            _end(sessions)
            socket.wait_for_the_end()
            assert socket._connection.close_code == 4401
        rest(sessions)
        assert visitor.ask("count").value == 1


def test_what_goes_over_a_socket_is_a_use_of_its_session(store: WatchedStore) -> None:
    clock = FakeClock()
    sessions = Sessions(store, sockets=QUICK, clock=clock)
    with serving(application(sessions, socket=echo)) as visitor:
        visitor.ask("count")
        with connected(visitor) as socket:
            for _ in range(3):
                clock.advance(minutes=20)
                assert socket.say("hello") == "hello?"
                _until(lambda: _accessed(sessions) == clock.now)
        assert visitor.ask("count").value == 2


def test_a_stream_of_events_ends_with_its_session(store: WatchedStore, caplog: pytest.LogCaptureFixture) -> None:
    sessions = Sessions(store, sockets=QUICK)
    reached = threading.Event()

    async def events(request: web.Request) -> web.StreamResponse:
        request[SESSION].get("n")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(b"data: 1\n\n")
            reached.set()
            await asyncio.sleep(0.001)

    with serving(application(sessions, events=events)) as visitor, ThreadPoolExecutor(1) as thread:
        visitor.ask("count")
        answer = thread.submit(visitor.ask, "events")
        assert reached.wait(PATIENCE)
        _end(sessions)
        assert answer.result(PATIENCE).body.startswith(b"data: 1")
        rest(sessions)
    assert [record for record in caplog.records if record.exc_info] == []


def test_a_sub_application_has_the_sessions_of_the_whole(sessions: Sessions) -> None:
    app, inner = application(sessions), web.Application()
    inner.router.add_get("/count", count)
    app.add_subapp("/inner", inner)
    with serving(app) as visitor:
        assert [visitor.ask("count").value, visitor.ask("inner/count").value] == [1, 2]


def test_a_sub_application_can_have_sessions_of_its_own(sessions: Sessions) -> None:
    app = application(sessions)
    app.add_subapp("/inner", application(Sessions(app="inner", cookie=Cookie(name="__Host-inner"))))

    async def outer_first(request: web.Request, handler: Handler) -> web.StreamResponse:
        await count(request)
        return await handler(request)

    app.middlewares.append(web.middleware(outer_first))
    with serving(app) as visitor:
        assert visitor.ask("inner/count").value == 1
        assert set(visitor.jar) == {"__Host-id", "__Host-id-v", "__Host-inner", "__Host-inner-v"}
        assert visitor.ask("inner/count").value == 2
        assert visitor.ask("count").value == 4


def test_the_store_is_opened_at_the_start_and_closed_at_the_end(sessions: Sessions, store: WatchedStore) -> None:
    with serving(application(sessions)):
        assert store.calls == ["open"]
    assert store.calls == ["open", "close"]


def test_asking_for_the_session_is_a_use_of_it(sessions: Sessions) -> None:
    async def ask(request: web.Request) -> web.Response:
        await get_session(request)
        return web.Response()

    async def leave_it(request: web.Request) -> web.Response:
        assert request[SESSION] is not None
        return web.Response()

    with serving(application(sessions, ask=ask, leave_it=leave_it)) as visitor:
        assert visitor.ask("ask").all("vary") == ["Cookie"]
        assert visitor.ask("leave_it").all("vary") == []


async def test_where_nothing_is_set_up_it_is_told_what_is_missing() -> None:
    with pytest.raises(SettingError, match=r"setup\(app, sessions\)"):
        await get_session(make_mocked_request("GET", "/"))


def test_ids_in_urls_are_refused_since_the_framework_routes_first() -> None:
    with pytest.raises(SettingError, match="routes by the URL"):
        setup(web.Application(), Sessions(tracking=["cookie", "url"]))


def _end(sessions: Sessions) -> None:
    (record,) = wait(sessions.find())
    wait(sessions.end(record.ref))


def _accessed(sessions: Sessions) -> float:
    wait(sessions.flush())
    (record,) = wait(sessions.find())
    return record.accessed_at


def _until(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < give_up_at, "it did not happen"


def _leave(visitor: Visitor, target: str, reached: threading.Event) -> None:
    """Ask, and hang up when the handler runs."""
    address = urlsplit(visitor.url)
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.jar.items())
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: shop\r\nCookie: {cookies}\r\n\r\n".encode())
        assert reached.wait(PATIENCE)
