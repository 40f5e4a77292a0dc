"""What starsessions kept goes on here: written by starsessions itself, on a real server, in memory and in cookies."""

from __future__ import annotations

import contextlib
import json
import logging
import pickle
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis.asyncio
import starsessions
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starsessions.stores.redis import RedisStore
from tests.fixtures.valkeys import ValkeyServer
from tests.frameworks.serving import serve_asgi

from sojourn import Cookie, Sessions
from sojourn.errors import SettingError
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.moving import Starsessions
from sojourn.testing import FakeClock
from sojourn.testing.app.client import Visitor

Make = Callable[[], Any]


async def sign_in(request: Request) -> JSONResponse:
    request.session.update(user_id=7, cart=["pen"])
    return JSONResponse(None)


async def show(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.session))


async def count(request: Request) -> JSONResponse:
    request.session[request.query_params["name"]] = 1
    return JSONResponse(None)


ROUTES = [Route("/in", sign_in), Route("/count", count), Route("/", show)]


@pytest.fixture(params=["redis", "memory", "cookie"])
def make_store(request: pytest.FixtureRequest) -> Make:
    """Makes the store of the old application, for one process or the other."""
    if request.param == "redis":
        server: ValkeyServer = request.getfixturevalue("valkey_server")
        prefix = f"old-{id(request)}."
        return lambda: RedisStore(
            connection=redis.asyncio.Redis(host="127.0.0.1", port=server.port), prefix=lambda name: prefix + name
        )
    if request.param == "cookie":
        return lambda: starsessions.CookieStore("of the old")
    store = starsessions.InMemoryStore()
    return lambda: store


@contextlib.contextmanager
def old(store: Any, **settings: Any) -> Iterator[str]:
    app = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(starsessions.SessionMiddleware, store=store, cookie_https_only=False, **settings),
            Middleware(starsessions.SessionAutoloadMiddleware),
        ],
        lifespan=closing(store),
    )
    with serve_asgi(app) as url:
        yield url


@contextlib.contextmanager
def new(store: Any, sessions: Sessions) -> Iterator[str]:
    """The same application after the one setting."""
    middleware = [Middleware(SessionMiddleware, sessions=sessions)]
    with serve_asgi(Starlette(routes=ROUTES, middleware=middleware, lifespan=closing(store))) as url:
        yield url


def closing(store: Any) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        if isinstance(store, RedisStore):
            await store._connection.aclose()

    return lifespan


def test_who_was_signed_in_is_so_after_the_move(make_store: Make) -> None:
    with old(make_store(), lifetime=3600) as url:
        visitor = Visitor(url)
        visitor.send("/in")
        assert list(visitor.jar) == ["session"]
    store = make_store()
    sessions = Sessions(takes_over=[Starsessions(store, lifetime=3600, principal="user_id")])
    with new(store, sessions) as url:
        visitor = visitor.twin(url)
        for _ in range(2):
            assert visitor.send("/").value == {"user_id": 7, "cart": ["pen"]}
        assert list(visitor.jar) == [sessions.cookie.name, sessions.cookie.version_name]


def test_first_requests_at_the_same_time_make_one_session(make_store: Make) -> None:
    with old(make_store()) as url:
        visitor = Visitor(url)
        visitor.send("/in")
    store = make_store()
    sessions = Sessions(takes_over=[Starsessions(store)])
    names = "abcdefgh"
    with new(store, sessions) as url:
        with ThreadPoolExecutor(len(names)) as threads:
            twins = [visitor.twin(url) for _ in names]
            list(threads.map(lambda twin, name: twin.send(f"/count?name={name}"), twins, names))
        last = twins[-1]
        seen = next(twin for twin in twins if sessions.cookie.name in twin.jar)
        assert seen.send("/").value == {"user_id": 7, "cart": ["pen"], **dict.fromkeys(names, 1)}
        assert last.send("/").value.keys() >= set(names)


async def test_what_it_kept_is_removed_or_left() -> None:
    for leave in (False, True):
        store = starsessions.InMemoryStore()
        await store.write("a" * 32, b'{"a": 1}', 0, 0)
        reader = Starsessions(store, leave=leave)
        await reader.remove("a" * 32)
        assert bool(store.data) is leave


@pytest.mark.parametrize("rolling", [False, True])
async def test_what_has_expired_by_its_own_rule_is_not_read(rolling: bool) -> None:
    clock = FakeClock()
    store, now = starsessions.InMemoryStore(), clock()
    about = {"lifetime": 60, "created": now, "last_access": now + 30}
    await store.write("a" * 32, json.dumps({"a": 1, "__metadata__": about}).encode(), 60, 60)
    reader = Starsessions(store, rolling=rolling, clock=clock)
    clock.advance(seconds=59)
    found = await reader.read("a" * 32)
    assert found is not None
    assert found.attributes == {"a": 1}
    clock.advance(seconds=1)
    assert (await reader.read("a" * 32) is not None) is rolling
    clock.advance(seconds=30)
    assert await reader.read("a" * 32) is None


async def test_a_forged_or_old_cookie_opens_nothing() -> None:
    store = starsessions.CookieStore("of the old")
    signed = await store.write("", b'{"a": 1}', 60, 60)
    reader = Starsessions(store, lifetime=60)
    assert await reader.read(signed) is not None
    body, stamp, signature = signed.split(".")
    for forged in (f"{body}.{stamp}.{signature[::-1]}", f"{body[4:]}.{stamp}.{signature}"):
        identity = reader.identify(forged.encode())
        assert identity is not None
        assert await reader.read(identity) is None
    store._signer.get_timestamp = lambda: int(time.time()) - 61  # type: ignore[method-assign]
    late = await store.write("", b'{"a": 1}', 60, 60)
    store._signer.get_timestamp = lambda: int(time.time())  # type: ignore[method-assign]
    assert await reader.read(late) is None


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was read",)


async def test_a_pickle_is_not_read_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    store = starsessions.InMemoryStore()
    for identity in ("a" * 32, "b" * 32):
        await store.write(identity, pickle.dumps(Trap()), 0, 0)
    reader = Starsessions(store)
    with caplog.at_level(logging.WARNING):
        assert [await reader.read(identity) for identity in store.data] == [None, None]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("data", [b"[1]", b"1", b"{}", b"[" * 200_000, b'{"__metadata__": {}}'])
async def test_what_is_no_session_is_none(data: bytes) -> None:
    store = starsessions.InMemoryStore()
    store.data["x"] = data
    assert await Starsessions(store).read("x") is None


async def test_what_it_says_of_itself_may_be_anything() -> None:
    store = starsessions.InMemoryStore()
    for about in (None, 1, {}, {"lifetime": "x", "created": 0}, {"lifetime": 60, "created": None}):
        store.data["x"] = json.dumps({"a": 1, "__metadata__": about}).encode()
        found = await Starsessions(store).read("x")
        assert found is not None
        assert found.attributes == {"a": 1}


def test_only_what_can_be_an_id_is_looked_for() -> None:
    reader = Starsessions(starsessions.InMemoryStore())
    for value in (b"", b"''", b"../" + b"a" * 32, b"A" * 32, b"a" * 31, b"a.b", b"\xff" * 32, b"a b.c.d"):
        assert reader.identify(value) is None


def test_settings_have_to_make_sense() -> None:
    for store, lifetime in (("redis://", 0), (starsessions.InMemoryStore(), -1)):
        with pytest.raises(SettingError, match="Starsessions"):
            Starsessions(store, lifetime=lifetime)  # type: ignore[arg-type]


def test_the_cookie_may_keep_its_name() -> None:
    store, cookie = starsessions.InMemoryStore(), Cookie(name="session", secure=False)
    with old(store) as url:
        visitor = Visitor(url)
        visitor.send("/in")
    with new(store, Sessions(cookie=cookie, takes_over=[Starsessions(store, cookie=cookie)])) as url:
        visitor = visitor.twin(url)
        for _ in range(2):
            assert visitor.send("/").value == {"user_id": 7, "cart": ["pen"]}
