"""Another layer that keeps sessions, outside of ours or inside, is told of once, by its name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import starsessions
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.sessions import SessionMiddleware as StarletteLayer
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from sojourn import Cookie, Sessions
from sojourn.inbound import wsgi
from sojourn.inbound.answers import layers
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.bridge import wait

pytestmark = pytest.mark.usefixtures("bare")

THEIRS = Middleware(StarletteLayer, secret_key="a secret")
STARSESSIONS = Middleware(starsessions.SessionMiddleware, store=starsessions.InMemoryStore())


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_told", set())


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    sessions = Sessions(cookie=Cookie.development())
    yield sessions
    wait(sessions.close())


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was told since the last time."""

    def told() -> list[str]:
        messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        caplog.clear()
        return messages

    return told


async def count(request: Request) -> JSONResponse:
    request.session["n"] = request.session.get("n", 0) + 1
    return JSONResponse(request.session["n"])


def ours(sessions: Sessions) -> Middleware:
    return Middleware(SessionMiddleware, sessions=sessions)


def asked(app: Any) -> None:
    """Visited, but not started; another layer may fail for what it finds."""
    client = TestClient(app, raise_server_exceptions=False)
    for _ in range(2):
        client.get("/")


Warnings = Callable[[], list[str]]


@pytest.mark.parametrize(
    ("other", "name"),
    [(THEIRS, "starlette.middleware.sessions.Session"), (STARSESSIONS, "starsessions.middleware.LoadGuard")],
)
def test_a_layer_outside_is_told_of(sessions: Sessions, warnings: Warnings, other: Middleware, name: str) -> None:
    asked(Starlette(routes=[Route("/", count)], middleware=[other, ours(sessions)]))
    (told,) = warnings()
    assert told.startswith(f"{name} keeps sessions outside of Sojourn's layer")


def test_a_layer_inside_is_told_of(sessions: Sessions, warnings: Warnings) -> None:
    asked(Starlette(routes=[Route("/", count)], middleware=[ours(sessions), THEIRS]))
    (told,) = warnings()
    assert told.startswith("starlette.middleware.sessions.Session took the place of Sojourn's session")


def test_a_layer_inside_of_a_part_is_told_of(sessions: Sessions, warnings: Warnings) -> None:
    part = Starlette(routes=[Route("/", count)], middleware=[THEIRS])
    asked(Starlette(routes=[Mount("/", part)], middleware=[ours(sessions)]))
    (told,) = warnings()
    assert told.startswith("starlette.middleware.sessions.Session took the place of Sojourn's session")


@pytest.mark.parametrize("first", [True, False])
def test_two_layers_are_told_of_at_the_start(sessions: Sessions, warnings: Warnings, first: bool) -> None:
    middleware = [ours(sessions), THEIRS] if first else [THEIRS, ours(sessions)]
    with TestClient(Starlette(middleware=middleware)):
        (told,) = warnings()
    assert told.startswith("starlette.middleware.sessions.SessionMiddleware is there beside Sojourn's")


class Backend(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        return None


def test_what_would_use_the_session_before_it_is_there_is_told_of_at_the_start(
    sessions: Sessions, warnings: Warnings
) -> None:
    signs_in = Middleware(AuthenticationMiddleware, backend=Backend())
    with TestClient(Starlette(middleware=[signs_in, ours(sessions)])):
        (told,) = warnings()
    assert told.startswith("starlette.middleware.authentication.AuthenticationMiddleware is outside of Sojourn's")
    for middleware in ([ours(sessions), signs_in], [signs_in, ours(Sessions(identity="request"))]):
        with TestClient(Starlette(middleware=middleware)):
            assert warnings() == []


@pytest.mark.parametrize(
    ("line", "told_of"),
    [
        (b"sessionid=x; Path=/", "a session cookie 'sessionid' (Django's)"),
        (b"session=x; Path=/", "a session cookie 'session' ("),
        (b"id=x; Path=/", "sets the cookie 'id'"),
        (b"id-v=1", "sets the cookie 'id'"),
        (b"sessionid=; Max-Age=0", None),
        (b"session=null; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        (b"theme=dark", None),
    ],
)
def test_a_second_session_cookie_is_told_of(
    sessions: Sessions, warnings: Warnings, line: bytes, told_of: str | None
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            scope["session"]["n"] = 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", line)]})
        await send({"type": "http.response.body", "body": b""})

    client = TestClient(SessionMiddleware(app, sessions))
    client.get("/elsewhere")
    assert warnings() == []  # nothing is kept by us there
    client.get("/")
    client.get("/")
    told = warnings()
    assert len(told) == (told_of is not None)
    assert told_of is None or told_of in told[0]


def test_beakers_layer_is_told_of_under_wsgi(sessions: Sessions, warnings: Warnings) -> None:
    class Beaker:
        """A stand-in, where Beaker puts its own."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["sojourn.session"]["n"] = 1
        environ["beaker.session"] = Beaker()
        start_response("200 OK", [])
        return [b""]

    served = wsgi.SessionMiddleware(app, sessions)
    for _ in range(2):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http"}
        served(environ, lambda *_: lambda _: None)
    (told,) = warnings()
    assert "Beaker keeps sessions beside Sojourn's" in told


def test_ours_alone_is_not_told_of(sessions: Sessions, warnings: Warnings) -> None:
    inner = Sessions(app="inner", cookie=Cookie(name="inner", secure=False))
    part = Starlette(routes=[Route("/", count)], middleware=[ours(inner)])
    app = Starlette(routes=[Mount("/", part)], middleware=[ours(sessions)])
    asked(app)
    with TestClient(app):
        assert warnings() == []
