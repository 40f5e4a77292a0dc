"""What Starlette kept in its signed cookie goes on here: written by Starlette itself, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import itsdangerous
import pytest
from starlette.applications import Starlette
from starlette.datastructures import Secret
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware as OldMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.frameworks.serving import serve_asgi

from sojourn import Cookie, Sessions
from sojourn.errors import SettingError
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.bridge import wait
from sojourn.inbound.moving import StarletteSession
from sojourn.testing import FakeClock
from sojourn.testing.app.client import Visitor

KEY = "of the old"


async def sign_in(request: Request) -> JSONResponse:
    request.session.update(user="ann", cart=["pen ✎"])
    return JSONResponse(None)


async def show(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.session))


async def count(request: Request) -> JSONResponse:
    request.session[request.query_params["name"]] = 1
    return JSONResponse(None)


@contextmanager
def served(middleware: Any, **settings: Any) -> Iterator[str]:
    routes = [Route("/in", sign_in), Route("/count", count), Route("/", show)]
    with serve_asgi(Starlette(routes=routes, middleware=[Middleware(middleware, **settings)])) as url:
        yield url


@pytest.fixture
def jar() -> dict[str, str]:
    """The cookies of somebody who has signed in at the old application."""
    with served(OldMiddleware, secret_key=KEY) as url:
        visitor = Visitor(url)
        visitor.send("/in")
        return visitor.jar


def test_who_was_signed_in_is_so_after_the_move(jar: dict[str, str]) -> None:
    sessions = Sessions(takes_over=[StarletteSession(KEY, principal="user")])
    with served(SessionMiddleware, sessions=sessions) as url:
        visitor = Visitor(url, jar)
        for _ in range(2):
            assert visitor.send("/").value == {"user": "ann", "cart": ["pen ✎"]}
        assert list(visitor.jar) == [sessions.cookie.name, sessions.cookie.version_name]
        assert [record.principal for record in wait(sessions.find())] == ["ann"]


def test_first_requests_at_the_same_time_make_one_session(jar: dict[str, str]) -> None:
    sessions, names = Sessions(takes_over=[StarletteSession(KEY)]), "abcdefgh"
    with served(SessionMiddleware, sessions=sessions) as url:
        twins = [Visitor(url, jar) for _ in names]
        with ThreadPoolExecutor(len(names)) as threads:
            list(threads.map(lambda twin, name: twin.send(f"/count?name={name}"), twins, names))
        told = next(twin for twin in twins if sessions.cookie.name in twin.jar)
        assert told.send("/").value == {"user": "ann", "cart": ["pen ✎"], **dict.fromkeys(names, 1)}
        assert len(wait(sessions.find())) == 1


def test_a_forged_cookie_opens_nothing(jar: dict[str, str]) -> None:
    value = jar["session"]
    body, stamp, signature = value.split(".")
    reader = StarletteSession(KEY)
    assert reader.identify(value.encode()) == value
    forgeries = [
        value[:-1], f"{body}.{stamp}.", f"{body[4:]}.{stamp}.{signature}", f"{body}.AAAA.{signature}", body, "", "null",
        itsdangerous.TimestampSigner("of another").sign(body).decode(),
        itsdangerous.TimestampSigner(KEY, salt="another").sign(body).decode(),
    ]  # fmt: skip
    for forged in (*(text.encode() for text in forgeries), b"\xff.\xff.\xff"):
        assert reader.identify(forged) is None
    with served(SessionMiddleware, sessions=Sessions(takes_over=[reader])) as url:
        assert Visitor(url, {"session": forgeries[0]}).send("/").value == {}


async def test_what_is_too_old_by_its_own_rule_is_not_read(jar: dict[str, str]) -> None:
    value, clock = jar["session"], FakeClock()
    signed_at = itsdangerous.TimestampSigner(KEY).unsign(value, return_timestamp=True)[1].timestamp()
    reader = StarletteSession(KEY, max_age=60, clock=clock)
    for age, alive in ((-1, False), (0, True), (60, True), (61, False)):
        clock.advance(seconds=signed_at + age - clock())
        assert (await reader.read(value) is not None) is alive
    assert await StarletteSession(KEY, max_age=None, clock=clock).read(value) is not None


@pytest.mark.parametrize("payload", [b"", b"!", b"bnVsbA==", b"e30=", b"WzFd", b"a.b"])
async def test_what_is_signed_and_no_session_is_none(payload: bytes) -> None:
    value = itsdangerous.TimestampSigner(KEY).sign(payload)
    reader = StarletteSession(KEY)
    identity = reader.identify(value)
    assert identity is not None
    assert await reader.read(identity) is None


async def test_what_was_signed_with_the_key_for_something_else_is_none() -> None:
    value = itsdangerous.Signer(KEY).sign(b"e30=")
    reader = StarletteSession(KEY)
    assert (identity := reader.identify(value)) is not None
    assert await reader.read(identity) is None


async def test_the_key_may_be_bytes_or_a_secret(jar: dict[str, str]) -> None:
    for key in (KEY, KEY.encode(), Secret(KEY)):
        assert await StarletteSession(key).read(jar["session"]) is not None


def test_the_cookie_may_keep_its_name(jar: dict[str, str]) -> None:
    cookie = Cookie(name="session", secure=False)
    sessions = Sessions(cookie=cookie, takes_over=[StarletteSession(KEY, cookie=cookie)])
    with served(SessionMiddleware, sessions=sessions) as url:
        visitor = Visitor(url, jar)
        for _ in range(2):
            assert visitor.send("/").value["user"] == "ann"


@pytest.mark.parametrize("wrong", [{"secret_key": ""}, {"secret_key": None}, {"secret_key": KEY, "max_age": 0}])
def test_settings_have_to_make_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="StarletteSession"):
        StarletteSession(**wrong)
