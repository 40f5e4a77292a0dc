"""What stands in our way in a framework of its own is told of when the application starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import litestar
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from blacksheep import Application
from blacksheep.server.routing import Router
from litestar.connection import ASGIConnection
from litestar.middleware import DefineMiddleware
from litestar.middleware.authentication import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.middleware.session.server_side import ServerSideSessionConfig
from litestar.security.session_auth import SessionAuth
from litestar.testing import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient as StarletteClient

from sojourn import Cookie, Sessions
from sojourn.inbound import aiohttp, blacksheep
from sojourn.inbound.answers import layers
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.litestar import SessionConfig


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_told", set())


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was told."""
    return lambda: [record.getMessage() for record in caplog.records if record.name == layers.__name__]


Warnings = Callable[[], list[str]]


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(cookie=Cookie.development())


class Authenticates(AbstractAuthenticationMiddleware):
    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        return AuthenticationResult(user=None, auth=None)


def start_litestar(sessions: Sessions, *, app: list[Any], handler: list[Any]) -> None:
    @litestar.get("/", middleware=handler)
    async def index() -> str:
        return ""

    @litestar.websocket("/socket")
    async def talk(socket: litestar.WebSocket[Any, Any, Any]) -> None:
        await socket.accept()

    quiet: dict[str, Any] = {"openapi_config": None, "logging_config": None}
    site = litestar.Litestar([index, talk], plugins=[SessionConfig(sessions)], middleware=app, **quiet)
    with TestClient(site):
        pass


@pytest.mark.parametrize("where", ["app", "handler"])
def test_litestars_own_layer_is_told_of(sessions: Sessions, warnings: Warnings, where: str) -> None:
    theirs = ServerSideSessionConfig().middleware
    start_litestar(sessions, **{"app": [], "handler": [], where: [theirs]})
    (told,) = warnings()
    assert told.startswith("litestar.middleware.session.base.SessionMiddleware is there beside Sojourn's")


@pytest.mark.parametrize("ours", [True, False])
def test_litestars_own_sessions_within_its_authentication_are_told_of(
    sessions: Sessions, warnings: Warnings, *, ours: bool
) -> None:
    async def find(session: dict[str, Any], connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        return None

    config: Any = SessionConfig(sessions) if ours else ServerSideSessionConfig()
    auth = SessionAuth[Any, Any](session_backend_config=config, retrieve_user_handler=find)
    start_litestar(sessions, app=[auth.middleware], handler=[])
    assert [" is there beside Sojourn's" in each for each in warnings()] == [True] * (not ours)


@pytest.mark.parametrize(
    ("identity", "where", "late"), [("request", "handler", True), ("request", "app", False), (None, "handler", False)]
)
def test_what_authenticates_when_it_has_been_asked_is_told_of(
    warnings: Warnings, identity: Any, where: str, *, late: bool
) -> None:
    start_litestar(Sessions(identity=identity), **{"app": [], "handler": [], where: [DefineMiddleware(Authenticates)]})
    told = warnings()
    assert len(told) == late
    assert not late or "Authenticates authenticates within the place where Sojourn asks" in told[0]


@pytest.mark.parametrize("first", [True, False])
def test_blacksheeps_own_layer_is_told_of(sessions: Sessions, warnings: Warnings, *, first: bool) -> None:
    app = Application(router=Router())
    if first:
        app.use_sessions("a secret")
    blacksheep.setup(app, sessions)
    if not first:
        app.use_sessions("a secret")
    asyncio.run(app.start())  # type: ignore[no-untyped-call]
    (told,) = warnings()
    assert told.startswith("blacksheep.sessions.SessionMiddleware is there beside Sojourn's")


@pytest.mark.parametrize("first", [True, False])
async def test_aiohttp_sessions_layer_is_told_of(sessions: Sessions, warnings: Warnings, *, first: bool) -> None:
    @web.middleware
    async def factory(request: web.Request, handler: Any) -> Any:
        """A stand-in for aiohttp-session's, which is known by its module."""
        return await handler(request)

    factory.__module__ = "aiohttp_session"
    app = web.Application(middlewares=[factory] if first else [])
    aiohttp.setup(app, sessions)
    if not first:
        app.middlewares.append(factory)
    async with TestServer(app):
        pass
    (told,) = warnings()
    assert told.startswith("aiohttp_session keeps sessions beside Sojourn's")


@pytest.mark.parametrize("outside", [True, False])
def test_starlette_wtfs_protection_before_there_is_a_session_is_told_of(
    sessions: Sessions, warnings: Warnings, *, outside: bool
) -> None:
    class CSRFProtectMiddleware:
        """A stand-in for Starlette-WTF's, which keeps its token in the session."""

        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, *given: Any) -> None:
            await self.app(*given)

    both = [Middleware(CSRFProtectMiddleware), Middleware(SessionMiddleware, sessions=sessions)]
    with StarletteClient(Starlette(middleware=both if outside else both[::-1])):
        told = warnings()
    assert [" is outside of Sojourn's" in each for each in told] == [True] * outside


async def test_an_application_with_ours_alone_tells_of_nothing(warnings: Warnings) -> None:
    app, other = Application(router=Router()), web.Application()
    blacksheep.setup(app, Sessions())
    aiohttp.setup(other, Sessions())
    await app.start()  # type: ignore[no-untyped-call]
    async with TestServer(other):
        pass
    await asyncio.to_thread(start_litestar, Sessions(), app=[], handler=[])
    assert warnings() == []
