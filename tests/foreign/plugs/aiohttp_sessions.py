"""aiohttp-session's tests meet our side where they import that library; their Redis is none, and nothing asks it."""

from __future__ import annotations

from typing import Any

import aiohttp_session
import aiohttp_session.redis_storage
import pytest

from sojourn import Cookie, Session, Sessions
from sojourn.inbound.aiohttp import _Side, get_session


class AiohttpSession(Session):
    """With the names of that library's."""

    @property
    def new(self) -> bool:
        return self.is_new

    @property
    def _changed(self) -> bool:
        return not self.pristine

    def invalidate(self) -> None:
        self.end()


def session_middleware(_storage: Any) -> Any:
    sessions = Sessions(cookie=Cookie(name="AIOHTTP_SESSION", secure=False))
    sessions.shape(AiohttpSession)
    return _Side(sessions).serve


def pytest_configure() -> None:
    aiohttp_session.Session = AiohttpSession  # type: ignore[assignment,misc]
    aiohttp_session.get_session = get_session  # type: ignore[assignment]
    aiohttp_session.session_middleware = session_middleware
    aiohttp_session.redis_storage.RedisStorage = dict  # type: ignore[assignment,misc]
    aiohttp_session.SimpleCookieStorage = dict  # type: ignore[assignment,misc]


@pytest.fixture
def redis() -> list[Any]:
    return []  # what `dict` takes for a storage
