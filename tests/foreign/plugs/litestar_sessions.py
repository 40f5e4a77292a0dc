"""Litestar's tests of sessions meet our config where they want that of a server-side backend."""

from __future__ import annotations

from typing import Any

import litestar.middleware.session.server_side
import pytest
from plugs.stores import fresh, kept  # type: ignore[import-not-found]  # on the path of the run

from sojourn import Cookie, Sessions
from sojourn.inbound.litestar import SessionConfig


class Config(SessionConfig):
    """With the cookie of Litestar's."""

    def __init__(self, **_: Any) -> None:
        super().__init__(kept(Sessions(fresh(), cookie=Cookie(name="session", secure=False))))


def pytest_configure() -> None:
    vars(litestar.middleware.session.server_side).update(ServerSideSessionConfig=Config)


@pytest.fixture
def session_backend_config() -> Config:
    return Config()


@pytest.fixture
def session_backend_config_memory() -> Config:
    return Config()
