"""What is BlackSheep's own: its kind of session, handlers of errors, failing sockets, mounted applications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from blacksheep import Application, Request, Response, WebSocket, json, text
from blacksheep.server.routing import Router
from tests.fixtures.watched import WatchedStore
from tests.frameworks.serving import serve_asgi
from tests.inbound.resting import rest

from sojourn import Sessions
from sojourn.errors import StoreUnavailable
from sojourn.inbound.blacksheep import BlackSheepSession, setup
from sojourn.inbound.bridge import wait
from sojourn.inbound.lasting import Sockets
from sojourn.store.memory import MemoryStore
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.socket import connected

Handler = Callable[..., Any]


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore(MemoryStore())


@pytest.fixture
def sessions(store: WatchedStore) -> Sessions:
    return Sessions(store)


async def count(request: Request) -> Response:
    request.session["n"] = request.session.get("n", 0) + 1
    return json(request.session["n"])


def application(**handlers: Handler) -> Application:
    app = Application(router=Router())
    for name, handler in {"count": count, **handlers}.items():
        app.router.add_get(f"/{name}", handler)
    return app


@contextmanager
def serving(app: Application) -> Iterator[Visitor]:
    with serve_asgi(app) as url:
        yield Visitor(url)


def test_it_has_what_blacksheeps_own_session_has(sessions: Sessions) -> None:
    async def use(request: Request) -> Response:
        session = request.session
        before = session.modified
        session.set("a", 1)
        session.update({"b": 2})
        return json([before, session.modified, session.to_dict(), isinstance(session, BlackSheepSession)])

    app = application(use=use)
    setup(app, sessions)
    with serving(app) as visitor:
        assert visitor.ask("use").value == [False, True, {"a": 1, "b": 2}, True]


def test_an_application_that_handles_a_refusal_answers_itself(sessions: Sessions) -> None:
    async def refuse(_request: Request) -> Response:
        raise StoreUnavailable("the shop is closed")

    async def answer(_app: Application, _request: Request, _error: Exception) -> Response:
        return text("later", 418)

    app = application(refuse=refuse)
    setup(app, sessions)
    app.exceptions_handlers[StoreUnavailable] = answer
    with serving(app) as visitor:
        assert visitor.ask("refuse").status == 418


def test_what_a_socket_changed_before_its_handler_failed_is_dropped(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_text()
        socket.session["n"] = 9
        raise ZeroDivisionError

    app = application()
    setup(app, sessions)
    app.router.add_ws("/socket", fail)
    with serving(app) as visitor:
        visitor.ask("count")
        with connected(visitor) as socket:
            socket.tell("fail")
            socket.wait_for_the_end()
        assert visitor.ask("count").value == 2
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_socket_is_closed_when_its_session_ends(store: WatchedStore) -> None:
    sessions = Sessions(store, sockets=Sockets(check=0.01))

    async def talk(socket: WebSocket) -> None:
        socket.session.get("n")
        await socket.accept()
        while True:
            await socket.send_text(f'"{await socket.receive_text()}"')

    app = application()
    setup(app, sessions)
    app.router.add_ws("/socket", talk)
    with serving(app) as visitor:
        visitor.ask("count")
        with connected(visitor) as socket:
            assert socket.say("hello") == "hello?"
            (record,) = wait(sessions.find())
            wait(sessions.end(record.ref))
            socket.wait_for_the_end()
            assert socket._connection.close_code == 4401
        rest(sessions)
        assert visitor.ask("count").value == 1


def test_what_a_socket_changed_before_its_visitor_left_is_stored(sessions: Sessions) -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.receive_text()
            socket.session["n"] += 1
            await socket.send_text("1")

    app = application()
    setup(app, sessions)
    app.router.add_ws("/socket", talk)
    with serving(app) as visitor:
        visitor.ask("count")
        with connected(visitor) as socket:
            assert socket.say("more") == 1
    assert sessions.active == 0
    with serving(_another(sessions)) as again:
        again.jar = visitor.jar
        assert again.ask("count").value == 3


def test_a_mounted_application_has_the_session(sessions: Sessions) -> None:
    inner = application()

    @inner.router.get("/inner")
    async def read(request: Request) -> Response:
        return json(dict(request.scope["session"]))  # type: ignore[typeddict-item]  # it does not know ours

    app = application()
    app.mount("/shop", inner)
    setup(app, sessions)
    with serving(app) as visitor:
        visitor.ask("count")
        assert visitor.ask("shop/inner").value == {"n": 1}


def test_the_store_is_opened_at_the_start_and_closed_at_the_end(sessions: Sessions, store: WatchedStore) -> None:
    app = application()
    setup(app, sessions)
    with serving(app):
        assert store.calls == ["open"]
    assert store.calls == ["open", "close"]


def _another(sessions: Sessions) -> Application:
    app = application()
    setup(app, sessions)
    return app
