"""What is Litestar's own: sessions that are set and cleared, `SessionAuth`, guards, exception handlers, layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from litestar import Litestar, Request, Response, WebSocket, get, post, websocket
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.response import Stream
from litestar.security.session_auth import SessionAuth
from litestar.types import Empty
from tests.fixtures.watched import WatchedStore
from tests.frameworks.serving import serve_asgi
from tests.inbound.resting import rest

from sojourn import Session, Sessions, errors
from sojourn.core.events import SessionEnded
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.bridge import wait
from sojourn.inbound.lasting import Sockets
from sojourn.inbound.litestar import SessionConfig
from sojourn.store.memory import MemoryStore
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.socket import connected

Asked = Request[Any, Any, Any]


@dataclasses.dataclass
class Profile:
    name: str
    age: int = 0


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore(MemoryStore())


@pytest.fixture
def sessions(store: WatchedStore) -> Sessions:
    return Sessions(store)


@get("/count")
async def count(request: Asked) -> int:
    request.session["n"] = request.session.get("n", 0) + 1
    return int(request.session["n"])


@get("/read")
async def read(request: Asked) -> dict[str, Any]:
    return dict(request.session)


@contextmanager
def serving(sessions: Sessions, *handlers: Any, **settings: Any) -> Iterator[Visitor]:
    app = Litestar([count, read, *handlers], plugins=[SessionConfig(sessions)], openapi_config=None, **settings)
    with serve_asgi(app) as url:
        yield Visitor(url)


def test_a_session_can_be_set_as_a_whole(sessions: Sessions) -> None:
    @get("/set")
    async def put(request: Asked) -> int:
        request.set_session({"only": [1]})
        request.session["only"].append(2)
        return len(request.session)

    with serving(sessions, put) as visitor:
        visitor.ask("count")
        assert visitor.ask("set").value == 1
        assert visitor.ask("read").value == {"only": [1, 2]}


def test_a_session_that_is_set_to_an_object_has_its_fields(sessions: Sessions) -> None:
    @get("/set")
    async def put(request: Asked) -> None:
        request.set_session(Profile("alice"))

    with serving(sessions, put) as visitor:
        visitor.ask("set")
        assert visitor.ask("read").value == {"name": "alice", "age": 0}


def test_a_session_that_is_cleared_ends(sessions: Sessions) -> None:
    told: list[SessionEnded] = []
    sessions.listen(told.append, SessionEnded)

    @get("/clear")
    async def clear(request: Asked) -> bool:
        request.clear_session()
        return request.session is Empty  # type: ignore[comparison-overlap]  # what Litestar promises

    with serving(sessions, clear) as visitor:
        visitor.ask("count")
        before = visitor.twin()
        assert visitor.ask("clear").value is True
        assert (visitor.jar, len(told)) == ({}, 1)
        assert before.ask("read").value == {}


def test_a_session_that_is_cleared_while_a_stream_is_sent_ends(sessions: Sessions) -> None:
    @get("/clear")
    async def clear(request: Asked) -> Stream:
        def parts() -> Iterator[bytes]:
            yield b"first"
            request.clear_session()

        return Stream(parts())

    with serving(sessions, clear) as visitor:
        visitor.ask("count")
        visitor.ask("clear")
        rest(sessions)
        assert visitor.ask("read").value == {}


async def find_user(session: dict[str, Any], _connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    return session.get("user")


@post("/log-in")
async def log_in(request: Asked) -> None:
    ours: Any = request.session
    ours.principal = "alice"
    request.session["user"] = "alice"


@post("/log-out")
async def log_out(request: Asked) -> None:
    request.clear_session()


def only_alice(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    if connection.user != "alice" or connection.session["user"] != "alice":
        raise NotAuthorizedException


@get("/account", guards=[only_alice])
async def account(request: Asked) -> str:
    return str(request.user)


@pytest.mark.parametrize("plugged", [True, False])
def test_litestars_own_sign_in_works(sessions: Sessions, plugged: bool) -> None:
    config = SessionConfig(sessions)
    auth = SessionAuth[str, Any](session_backend_config=config, retrieve_user_handler=find_user, exclude=["/log-in"])
    app = Litestar([log_in, log_out, account], plugins=[config] if plugged else [], on_app_init=[auth.on_app_init])
    with serve_asgi(app) as url:
        visitor = Visitor(url)
        assert visitor.ask("account").status == 401
        assert visitor.ask("log-in", method="POST").status == 201
        answer = visitor.ask("account")
        assert (answer.status, answer.body) == (200, b"alice")
        stolen = visitor.twin()
        assert visitor.ask("log-out", method="POST").status == 201
        assert [each.ask("account").status for each in (visitor, stolen)] == [401, 401]
    [scheme] = auth.openapi_components.security_schemes.values()  # type: ignore[union-attr]
    assert scheme.name == "__Host-id"  # type: ignore[union-attr]


def test_what_is_refused_can_be_handled_by_the_application(sessions: Sessions) -> None:
    @get("/refuse")
    async def refuse() -> None:
        raise errors.StoreUnavailable("the shop is closed")

    def answer(_request: Asked, _error: errors.StoreUnavailable) -> Response[str]:
        return Response("later", status_code=418)

    with serving(sessions, refuse) as visitor:
        assert visitor.ask("refuse").status == 503
    for kind in (errors.StoreUnavailable, errors.StoreError, errors.SojournError):
        with serving(sessions, refuse, exception_handlers={kind: answer}) as visitor:
            assert visitor.ask("refuse").status == 418


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SojournError)],
)
def test_every_refusal_is_answered_as_everywhere(sessions: Sessions, kind: type[errors.SojournError]) -> None:
    @get("/refuse")
    async def refuse() -> None:
        raise kind.__new__(kind)

    with serving(sessions, refuse) as visitor:
        assert visitor.ask("refuse").status == kind.status_hint


def test_what_a_socket_changed_before_its_handler_failed_is_dropped(sessions: Sessions) -> None:
    @websocket("/socket")
    async def fail(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.receive_text()
        socket.session["n"] = 9
        raise ZeroDivisionError

    app: Any = Litestar([count, fail], plugins=[SessionConfig(sessions)], openapi_config=None)
    for each in (app, SessionMiddleware(app, sessions)):
        with serve_asgi(each) as url:
            visitor = Visitor(url)
            visitor.ask("count")
            with connected(visitor) as socket:
                socket.tell("fail")
                socket.wait_for_the_end()
            rest(sessions)
            assert visitor.ask("count").value == 2


def test_a_socket_is_closed_when_its_session_ends(store: WatchedStore) -> None:
    sessions = Sessions(store, sockets=Sockets(check=0.01))

    @websocket("/socket")
    async def talk(socket: WebSocket[Any, Any, Any]) -> None:
        socket.session.get("n")
        await socket.accept()
        while True:
            await socket.send_text(f'"{await socket.receive_text()}"')

    with serving(sessions, talk) as visitor:
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
    @websocket("/socket")
    async def talk(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        while True:
            await socket.receive_text()
            socket.session["n"] += 1
            await socket.send_text("1")

    with serving(sessions, talk) as visitor:
        visitor.ask("count")
        with connected(visitor) as socket:
            assert socket.say("more") == 1
    with serving(sessions) as again:
        again.jar = visitor.jar
        assert again.ask("count").value == 3


def test_a_middleware_around_the_application_comes_first(sessions: Sessions) -> None:
    app: Any = Litestar([count, read], plugins=[SessionConfig(sessions)], openapi_config=None)
    with serve_asgi(SessionMiddleware(app, sessions)) as url:
        visitor = Visitor(url)
        assert [visitor.ask("count").value for _ in range(2)] == [1, 2]


def test_the_store_is_opened_at_the_start_and_closed_at_the_end(sessions: Sessions, store: WatchedStore) -> None:
    with serving(sessions):
        assert store.calls == ["open"]
    assert store.calls == ["open", "close"]


def test_a_handler_that_raises_takes_its_own_session_back(sessions: Sessions) -> None:
    @get("/fail")
    async def fail(request: Asked) -> None:
        request.set_session({"n": 9})
        raise ZeroDivisionError

    with serving(sessions, fail) as visitor:
        visitor.ask("count")
        assert visitor.ask("fail").status == 500
        assert visitor.ask("read").value == {"n": 1}


def test_what_is_put_there_is_the_session(sessions: Sessions) -> None:
    @get("/again")
    async def again(request: Asked) -> bool:
        request.set_session(request.session)
        return isinstance(request.session, Session)

    with serving(sessions, again) as visitor:
        assert visitor.ask("again").value is True


def test_routes_can_be_without_a_session(sessions: Sessions) -> None:
    @get("/skipped", skip_session=True)
    async def skipped(request: Asked) -> bool:
        return "session" in request.scope

    @get("/out/of/it")
    async def excluded(request: Asked) -> bool:
        return "session" in request.scope

    config = SessionConfig(sessions, exclude="/out")
    with serve_asgi(Litestar([skipped, excluded, count], plugins=[config], openapi_config=None)) as url:
        visitor = Visitor(url)
        assert [visitor.ask("skipped").value, visitor.ask("out/of/it").value] == [False, False]
        assert visitor.ask("count").value == 1


def test_litestar_is_told_the_id(sessions: Sessions) -> None:
    @get("/id")
    async def tell(request: Asked) -> str | None:
        return request.get_session_id()

    with serving(sessions, tell) as visitor:
        assert visitor.ask("id").cookies == {}
        visitor.ask("count")
        answer = visitor.ask("id")
        assert (answer.body.decode(), answer.all("vary")) == (visitor.jar["__Host-id"], [])
