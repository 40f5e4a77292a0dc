"""Stores that nodes in processes of their own share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url

__all__ = [
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "valkey_address",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that is fresh and empty, and that several processes can share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    return str(request.getfixturevalue(f"{request.param}_url"))
