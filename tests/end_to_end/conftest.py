"""One served application for all tests that leave it as it was, and stores that processes can share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.servers import Serving, serve
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url
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


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Two workers that share a SQLite file."""
    with serve(tmp_path_factory.mktemp("site")) as serving:
        yield serving


@pytest.fixture(scope="session")
def directory(serving: Serving) -> Path:
    """Where the server keeps its store."""
    return serving.log.parent


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
