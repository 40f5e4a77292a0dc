"""A Flask application with sessions in memory, over a store that can be away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from sojourn import Sessions
from sojourn.inbound.bridge import wait
from sojourn.inbound.flask import SessionInterface
from sojourn.store.memory import MemoryStore
from sojourn.testing.app.away import AwayStore


@pytest.fixture
def store() -> AwayStore:
    return AwayStore(MemoryStore())


Make = Callable[..., Sessions]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes `Sessions` that are closed when the test is over."""
    made: list[Sessions] = []

    def make(*given: Any, **settings: Any) -> Sessions:
        made.append(Sessions(*given, **settings))
        return made[-1]

    yield make
    for sessions in made:
        wait(sessions.close())


@pytest.fixture
def sessions(make: Make, store: AwayStore) -> Sessions:
    return make(store)


@pytest.fixture
def site(sessions: Sessions) -> flask.Flask:
    site = flask.Flask("site")
    site.session_interface = SessionInterface(sessions)

    @site.get("/count")
    def count() -> str:
        flask.session["n"] = flask.session.get("n", 0) + 1
        return str(flask.session["n"])

    @site.get("/nothing")
    def nothing() -> str:
        return "nothing"

    return site


@pytest.fixture
def visitor(site: flask.Flask) -> FlaskClient:
    return site.test_client()
