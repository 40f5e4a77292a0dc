"""Stores that processes can share, a fresh one for each class of tests."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from tests.fixtures.postgres import postgres_address
from tests.fixtures.valkeys import valkey_address, valkey_server

__all__ = ["postgres_address", "valkey_address", "valkey_server"]

SHARED = ["sqlite", "postgres", "valkey"]

_numbers = itertools.count(1)


@pytest.fixture(scope="class", params=SHARED)
def store_address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store that is fresh and empty."""
    if request.param == "sqlite":
        path: Path = tmp_path_factory.mktemp("frameworks")
        return f"sqlite:///{path}/sessions.db"
    address = str(request.getfixturevalue(f"{request.param}_address"))
    namespace = f"frameworks_{os.getpid()}_{next(_numbers)}"
    option = "schema" if request.param == "postgres" else "prefix"
    return f"{address}{'&' if '?' in address else '?'}{option}={namespace}"
