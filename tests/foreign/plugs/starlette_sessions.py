"""Starlette's tests of sessions meet our middleware where they import Starlette's.

A session of ours is a mapping and no `dict`, so what their views answer with is made one first.
"""

from __future__ import annotations

import json
from typing import Any

import starlette.middleware.sessions
from plugs.stores import fresh, kept  # type: ignore[import-not-found]  # on the path of the run

from sojourn import Cookie, Lifetime, Session, Sessions
from sojourn.inbound.asgi import SessionMiddleware


class Middleware(SessionMiddleware):
    """With the settings of Starlette's."""

    def __init__(
        self,
        app: Any,
        *,
        secret_key: str,
        session_cookie: str = "session",
        max_age: int | None = 14 * 24 * 3600,
        path: str = "/",
        same_site: str = "lax",
        https_only: bool = False,
        domain: str | None = None,
        partitioned: bool = False,
    ) -> None:
        cookie = Cookie(
            name=session_cookie,
            max_age=max_age,
            path=path,
            same_site=same_site.capitalize(),  # type: ignore[arg-type]
            secure=https_only,
            domain=domain,
            partitioned=partitioned,
        )
        super().__init__(app, kept(Sessions(fresh(), cookie=cookie, lifetime=Lifetime(idle=max_age or 1800))))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if "headers" in message:
                message["headers"] = [(name, _spelled(value)) for name, value in message["headers"]]
            await send(message)

        await super().__call__(scope, receive, sending)


def pytest_configure() -> None:
    dumps = json.dumps
    vars(starlette.middleware.sessions).update(SessionMiddleware=Middleware)
    vars(json).update(dumps=lambda *given, **settings: dumps(*given, **{"default": _plain, **settings}))


def _spelled(value: bytes) -> bytes:
    """Attributes of a cookie in lower case, but for `Max-Age`: the case counts for nothing (RFC 6265bis §5.6)."""
    for name in (b"; Path", b"; Domain", b"; Partitioned"):
        value = value.replace(name, name.lower())
    return value


def _plain(value: object) -> object:
    if isinstance(value, Session):
        return dict(value)
    raise TypeError
