"""starsessions' tests meet our middleware where they import that library's.

What they write into their store under an id of their own is put into ours under an id that ours could have; the
middleware reads their cookie as that one. There is nothing to be loaded: that has happened before the application runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
import starsessions
import starsessions.session
from plugs.stores import fresh, kept  # type: ignore[import-not-found]  # on the path of the run

from sojourn import Cookie, Lifetime, Session, Sessions
from sojourn.core.ids import SessionId
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.store import open_store


class Store:
    """What their fixture is expected to be."""

    def __init__(self) -> None:
        self.inner = open_store(fresh())
        self.sessions = kept(Sessions(self.inner, near=None))

    async def write(self, session_id: str, data: bytes, lifetime: int, ttl: int) -> str:
        given = ours(session_id)
        session = await self.sessions.load(given)
        session.update(json.loads(data))
        session._next_id = given
        await self.sessions.keeper.save(session)
        return session_id

    async def read(self, session_id: str, lifetime: int) -> bytes:
        session = await self.sessions.load(ours(session_id))
        return json.dumps(dict(session)).encode() if session else b""


class Middleware:
    """With the settings of theirs."""

    def __init__(
        self,
        app: Any,
        *,
        store: Store,
        lifetime: float = 0,
        cookie_name: str = "session",
        cookie_same_site: str = "lax",
        cookie_https_only: bool = True,
        cookie_domain: str | None = None,
        cookie_path: str | None = None,
        encryptor: object = None,
        **_: Any,
    ) -> None:
        cookie = Cookie(
            name=cookie_name,
            max_age=int(lifetime) or None,
            same_site=cookie_same_site.capitalize(),  # type: ignore[arg-type]
            secure=cookie_https_only,
            domain=cookie_domain,
            path=cookie_path or "/",
        )
        seal = None if encryptor is None else [hashlib.sha256(str(id(encryptor)).encode()).digest()]
        sessions = Sessions(store.inner, cookie=cookie, lifetime=Lifetime(idle=lifetime or 1800), seal=seal)
        self._served = SessionMiddleware(app, kept(sessions))
        self._name = cookie_name.encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if "headers" in message:
                message["headers"] = [
                    (name, value.replace(b"SameSite=None", b"samesite=none")) for name, value in message["headers"]
                ]
            await send(message)

        headers = [(name, self._ours(value) if name == b"cookie" else value) for name, value in scope["headers"]]
        await self._served({**scope, "headers": headers}, receive, sending)

    def _ours(self, header: bytes) -> bytes:
        name, _, value = header.partition(b"=")
        return name + b"=" + ours(value.decode("latin-1")).secret.encode() if name == self._name else header


def ours(theirs: str) -> SessionId:
    """An id for one of theirs, unless it is ours already."""
    digest = hashlib.sha256(theirs.encode()).digest()
    return SessionId.parse(theirs.encode()) or SessionId(base64.urlsafe_b64encode(digest).decode().rstrip("="))


async def load_session(_connection: object) -> None:
    """It is loaded."""


def pytest_configure() -> None:
    dumps = json.dumps
    vars(starsessions).update(SessionMiddleware=Middleware, SessionAutoloadMiddleware=lambda app, **_: app)
    vars(starsessions.session).update(load_session=load_session)
    vars(json).update(dumps=lambda *given, **settings: dumps(*given, **{"default": _plain, **settings}))


def _plain(value: object) -> object:
    if isinstance(value, Session):
        return dict(value)
    raise TypeError


@pytest.fixture
def store() -> Store:
    return Store()
