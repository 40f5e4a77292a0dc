"""One served application for all tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.servers import Serving, serve
from tests.fixtures.wire import Wire


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
