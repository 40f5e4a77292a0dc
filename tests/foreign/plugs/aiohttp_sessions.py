"""aiohttp-session's tests meet our side where they import that library.

What they write into Redis is put into our store, under an id that ours could have, and their cookie is read as that
one; what they read from Redis is read there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import aiohttp_session  # type: ignore[import-not-found]  # it is fetched
import aiohttp_session.redis_storage  # type: ignore[import-not-found]
import pytest
from aiohttp import web
from plugs.stores import fresh, kept  # type: ignore[import-not-found]  # on the path of the run

from sojourn import Cookie, Lifetime, Session, Sessions
from sojourn.core.ids import SessionId
from sojourn.inbound.aiohttp import _Side, get_session
from sojourn.store import open_store

NAME = "AIOHTTP_SESSION"


class AiohttpSession(Session):
    """With the names of that library's."""

    @property
    def new(self) -> bool:
        return self.is_new

    @property
    def _changed(self) -> bool:
        return not self.pristine

    max_age = property(fset=lambda session, seconds: setattr(session, "lifetime", Lifetime(idle=seconds)))

    def invalidate(self) -> None:
        self.end()


class Redis:
    """Our store, as far as the tests look into Redis."""

    def __init__(self) -> None:
        self.store = open_store(fresh())
        self.sessions = Sessions(self.store, near=None)
        kept(self.sessions)

    async def set(self, key: str, value: str) -> None:
        session = await self._find(key)
        session.update(json.loads(value)["session"] if value else {})
        await self.sessions.keeper.save(session)

    async def get(self, key: str) -> bytes | None:
        session = await self._find(key)
        told = {"session": dict(session), "created": session.created_at}
        return None if session.is_new else json.dumps(told).encode()

    async def exists(self, key: str) -> bool:
        return await self.get(key) is not None

    async def ttl(self, key: str) -> int:
        return int(((await self._find(key)).expires_at or 0) - time.time())

    async def _find(self, key: str) -> Session:
        given = ours(key.removeprefix(f"{NAME}_"))
        session = await self.sessions.load(given)
        session._next_id = given
        return session


class Storage:
    """Of Redis, or of a cookie."""

    def __init__(self, redis: Redis | None = None, *, max_age: int | None = None, **_: Any) -> None:
        self.store = redis.store if redis is not None else open_store(fresh())
        self.lifetime = Lifetime(idle=max_age or 1800)


class RedisStorage(Storage):
    def __init__(self, redis: Redis, **settings: Any) -> None:
        if not isinstance(redis, Redis):
            raise TypeError
        super().__init__(redis, **settings)


def ours(theirs: str) -> SessionId:
    """An id for one of theirs, unless it is ours already."""
    digest = hashlib.sha256(theirs.encode()).digest()
    return SessionId.parse(theirs.encode()) or SessionId(base64.urlsafe_b64encode(digest).decode().rstrip("="))


def session_middleware(storage: Storage) -> Any:
    cookie = Cookie(name=NAME, secure=False)
    sessions = kept(Sessions(storage.store, cookie=cookie, lifetime=storage.lifetime))
    sessions.shape(AiohttpSession)
    side = _Side(sessions)

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        headers = request.headers.copy()
        if NAME in request.cookies:
            headers["Cookie"] = f"{NAME}={ours(request.cookies[NAME]).secret}"
        return await side.serve(request.clone(headers=headers), handler)

    return middleware


def pytest_configure() -> None:
    ours = {"Session": AiohttpSession, "get_session": get_session, "session_middleware": session_middleware}
    vars(aiohttp_session).update(ours, SimpleCookieStorage=Storage)
    vars(aiohttp_session.redis_storage).update(RedisStorage=RedisStorage)


@pytest.fixture
def redis() -> Redis:
    return Redis()
