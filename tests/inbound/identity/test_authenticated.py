"""Whose a request is, where the framework authenticates it: the table of `Owners` in BlackSheep and Litestar."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import blacksheep
import litestar
import pytest
from blacksheep.server.authentication import AuthenticationHandler
from blacksheep.server.routing import Router
from guardpost import Identity, User
from litestar.connection import ASGIConnection
from litestar.middleware import DefineMiddleware
from litestar.middleware.authentication import AbstractAuthenticationMiddleware, AuthenticationResult
from tests.frameworks.serving import serve_asgi

from sojourn import Session, Sessions
from sojourn.core.events import Event, SessionEnded, StrangerRefused
from sojourn.inbound.blacksheep import setup
from sojourn.inbound.bridge import wait
from sojourn.inbound.litestar import SessionConfig
from sojourn.testing.app.client import Visitor
from sojourn.testing.app.socket import connected

Make = Callable[..., Visitor]
Whose = Callable[[str], Any]


def read(session: Session) -> list[Any]:
    return [session.principal, dict(session)]


def put(session: Session) -> list[Any]:
    session["n"] = session.get("n", 0) + 1
    return read(session)


def free(_session: Session) -> list[Any]:
    return ["free"]


DEEDS = [read, put, free]


def in_blacksheep(sessions: Sessions, whose: Whose | None = None, *, early: bool = False) -> Any:
    app = blacksheep.Application(router=Router(), show_error_details=True)

    class ByCookie(AuthenticationHandler):
        async def authenticate(self, context: Any) -> Identity | None:  # type: ignore[override]
            name = context.cookies.get("who")
            context.identity = user = None if name is None else (whose or _claims)(name)
            return user

    app.use_authentication().add(ByCookie())

    async def ahead(request: Any, handler: Any) -> Any:
        read(request.session)
        return await handler(request)

    if early:
        app.middlewares.append(ahead, blacksheep.middlewares.MiddlewareCategory.SESSION, 1)

    def added(deed: Callable[[Session], Any]) -> None:
        async def do(request: blacksheep.Request) -> blacksheep.Response:
            return blacksheep.json(deed(request.session))  # type: ignore[arg-type]

        app.router.add_get(f"/{deed.__name__}", do)

    for deed in DEEDS:
        added(deed)

    @app.router.ws("/socket")
    async def talk(socket: blacksheep.WebSocket) -> None:
        put(socket.session)  # type: ignore[arg-type]
        await socket.accept()
        await socket.receive_text()

    setup(app, sessions)
    return app


def _claims(name: str) -> User:
    return User({"sub": name, "name": "Ann Smith"}, "by cookie")


def in_litestar(sessions: Sessions, whose: Whose | None = None, *, early: bool = False) -> Any:
    class ByCookie(AbstractAuthenticationMiddleware):
        async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
            name = connection.cookies.get("who")
            return AuthenticationResult(user=None if name is None else (whose or str)(name), auth=None)

    def added(deed: Callable[[Session], Any]) -> Any:
        @litestar.get(f"/{deed.__name__}")
        async def do(request: litestar.Request[Any, Any, Any]) -> list[Any]:
            return deed(request.session)  # type: ignore[arg-type, no-any-return]

        return do

    def ahead(app: Any) -> Any:
        async def serve(scope: Any, receive: Any, send: Any) -> None:
            read(scope["session"])
            await app(scope, receive, send)

        return serve

    @litestar.websocket("/socket")
    async def talk(socket: litestar.WebSocket[Any, Any, Any]) -> None:
        put(socket.session)  # type: ignore[arg-type]
        await socket.accept()
        await socket.receive_text()

    layers: list[Any] = [ahead, DefineMiddleware(ByCookie)] if early else [DefineMiddleware(ByCookie)]
    handlers = [*map(added, DEEDS), talk]
    return litestar.Litestar(handlers, plugins=[SessionConfig(sessions)], middleware=layers, openapi_config=None)


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture(params=[in_blacksheep, in_litestar])
def make(request: pytest.FixtureRequest, told: list[Event]) -> Iterator[Make]:
    """Serves the application, and returns a visitor of it."""
    served: list[Any] = []

    def make(*given: Any, early: bool = False, **settings: Any) -> Visitor:
        sessions = Sessions(**{"identity": "request", **settings})
        sessions.listen(told.append, StrangerRefused, SessionEnded)
        serving = serve_asgi(request.param(sessions, *given, early=early))
        visitor = Visitor(serving.__enter__())
        served.append((serving, sessions))
        return visitor

    yield make
    for serving, sessions in served:
        serving.__exit__(None, None, None)
        wait(sessions.close())


def as_(who: str | None, visitor: Visitor) -> Visitor:
    """The same cookies, in the hands of somebody."""
    visitor = visitor.twin()
    visitor.jar.pop("who", None)
    if who is not None:
        visitor.jar["who"] = who
    return visitor


@pytest.mark.parametrize("who", [None, "ann"])
def test_a_new_session_is_that_of_whose_request_it_is(make: Make, who: str | None) -> None:
    visitor = as_(who, make())
    assert visitor.ask("put").value == [who, {"n": 1}]
    assert visitor.ask("put").value == [who, {"n": 2}]


def test_a_session_of_nobody_becomes_that_of_who_asks_with_a_new_id(make: Make) -> None:
    nobody = as_(None, make())
    nobody.ask("put")
    ann = as_("ann", nobody)
    assert ann.ask("read").value == ["ann", {"n": 1}]
    assert ann.jar["__Host-id"] != nobody.jar["__Host-id"]
    assert nobody.ask("read").value == [None, {}]


@pytest.mark.parametrize("who", [None, "bob"])
def test_whoever_is_not_the_owner_is_refused(make: Make, who: str | None, told: list[Event]) -> None:
    ann = as_("ann", make())
    ann.ask("put")
    stranger = as_(who, ann)
    answer = stranger.ask("put")
    assert (answer.status, answer.cookies) == (403, {})
    assert stranger.ask("free").value == ["free"]
    assert ann.ask("put").value == ["ann", {"n": 2}]
    assert [type(event) for event in told] == [StrangerRefused] * 2


@pytest.mark.parametrize("who", [None, "bob"])
def test_a_strangers_socket_is_refused(make: Make, who: str | None) -> None:
    ann = as_("ann", make())
    ann.ask("put")
    with pytest.raises(ConnectionRefusedError), connected(as_(who, ann)):
        pass
    with connected(ann):
        pass
    assert ann.ask("read").value[1]["n"] >= 1


def test_where_strangers_end_it_both_begin_anew(make: Make, told: list[Event]) -> None:
    ann = as_("ann", make(strangers="end"))
    ann.ask("put")
    assert as_("bob", ann).ask("put").value == ["bob", {"n": 1}]
    assert ann.ask("read").value == ["ann", {}]
    assert [type(event) for event in told] == [StrangerRefused, SessionEnded]


def test_before_it_is_known_whose_it_is_nobody_can_use_it(make: Make) -> None:
    ann = as_("ann", make(early=True))
    assert ann.ask("free").status == 403


def test_a_function_is_asked_when_the_user_is_known(make: Make) -> None:
    ann = as_("ann", make(identity=lambda request: request.user and request.user.upper()))
    assert ann.ask("put").value == ["ANN", {"n": 1}]


def test_a_path_without_sessions_is_served(make: Make) -> None:
    visitor = as_("ann", make(skip=["/free"]))
    assert visitor.ask("free").value == ["free"]


@dataclasses.dataclass
class Row:
    id: object


@pytest.mark.parametrize(
    ("make", "whose", "principal"),
    [
        (in_blacksheep, lambda _: User({"id": 7}, "test"), "7"),
        (in_blacksheep, lambda _: Identity({"sub": "ann"}, "test"), "ann"),
        (in_blacksheep, lambda _: User({"sub": "ann"}), None),
        (in_blacksheep, lambda _: User({"name": "Ann Smith"}, "test"), 500),
        (in_litestar, lambda _: 7, "7"),
        (in_litestar, lambda _: Row(UUID(int=7)), str(UUID(int=7))),
        (in_litestar, lambda _: Row(object()), 500),
        (in_litestar, lambda _: {"name": "Ann Smith"}, 500),
    ],
    indirect=["make"],
)
def test_a_user_is_told_by_what_no_other_has(make: Make, whose: Whose, principal: object) -> None:
    answer = as_("x", make(whose)).ask("put")
    assert (answer.status if answer.status != 200 else answer.value[0]) == principal


@pytest.mark.parametrize("make", [in_litestar], indirect=True)
def test_ids_in_urls_are_found_before_and_refused_after(make: Make) -> None:
    ann = as_("ann", make(tracking=["cookie", "url"]))
    ann.ask("put")
    assert ann.ask("put").value == ["ann", {"n": 2}]
    assert as_("bob", ann).ask("put").status == 403
