"""One served application for all tests that leave it as it was, and stores that processes can share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.servers import Serving, serve
from tests.fixtures.valkeys import ValkeyServer, valkey_address, valkey_prefix, valkey_server, valkey_url
from tests.fixtures.wire import Wire

__all__ = [
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "valkey_address",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]


SHARED = ["sqlite", "postgres", "valkey"]


@pytest.fixture(scope="session", params=SHARED)
def serving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Two workers that share a store, and ask it each time: what one ends, the other knows at once."""
    directory = tmp_path_factory.mktemp("site")
    store = f"sqlite:///{directory}/sessions.db"
    if request.param == "postgres":
        address = request.getfixturevalue("postgres_address")
        store = f"{address}{'&' if '?' in address else '?'}schema=site_{os.getpid()}"
    elif request.param == "valkey":
        server: ValkeyServer = request.getfixturevalue("valkey_server")
        store = f"{server.url}?prefix=site{os.getpid()}"
    with serve(directory, "tests.fixtures.site:app", "--no-near", store=store) as serving:
        yield serving


@pytest.fixture(autouse=True)
def _hang_up() -> Iterator[None]:
    yield
    for wire in list(Wire.opened):
        wire.hang_up()


@pytest.fixture(autouse=True)
def _nobody_died(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "serving" in request.fixturenames:
        serving: Serving = request.getfixturevalue("serving")
        assert '"died"' not in serving.output, serving.output


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that is fresh and empty, and that several processes can share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    return str(request.getfixturevalue(f"{request.param}_url"))
