"""Starlette's tests of sessions meet our middleware where they import Starlette's.

A session of ours is a mapping and no `dict`, so what their views answer with is made one first.
"""

from __future__ import annotations

import json
from typing import Any

import starlette.middleware.sessions
import starlette.responses

from sojourn import Cookie, Lifetime, Session, Sessions
from sojourn.inbound.asgi import SessionMiddleware


class Middleware(SessionMiddleware):
    """With the settings of Starlette's."""

    def __init__(
        self,
        app: Any,
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
        super().__init__(app, Sessions(cookie=cookie, lifetime=Lifetime(idle=max_age or 1800)))


def pytest_configure() -> None:
    dumps = json.dumps
    starlette.middleware.sessions.SessionMiddleware = Middleware  # type: ignore[misc]
    starlette.responses.json.dumps = lambda *given, **settings: dumps(*given, default=_plain, **settings)


def _plain(value: object) -> object:
    if isinstance(value, Session):
        return dict(value)
    raise TypeError
