"""Nodes of a fleet over each store, and a back end that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url

from sojourn.outbound import Backend, Logout
from sojourn.store.base import Store
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeBackend

__all__ = [
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "valkey_address",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]

KEY, SEAL = b"of this installation", [b"s" * 32]

Node = Callable[..., Backend]


@pytest.fixture(scope="module")
def running() -> Iterator[FakeBackend]:
    with FakeBackend() as backend:
        yield backend


@pytest.fixture
def fake(running: FakeBackend) -> FakeBackend:
    running.reset()
    return running


@pytest.fixture(params=["memory", "sqlite", "postgres", "valkey"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | Store:
    """What all nodes are given."""
    match request.param:
        case "memory":
            return MemoryStore()
        case "sqlite":
            return f"sqlite:///{tmp_path}/held.db"
        case kind:
            url: str = request.getfixturevalue(f"{kind}_url")
            return url


def maker(fake: FakeBackend, store: str | Store) -> Node:
    def make(**settings: Any) -> Backend:
        given = {"reuse": "flow", "closing": Logout(), "store": store, "seal": SEAL, "key": KEY, **settings}
        return Backend(fake.url, auth=("alice", fake.password_of("alice")), **given)

    return make


@pytest.fixture
def node(fake: FakeBackend, store: str | Store) -> Node:
    """Makes nodes."""
    return maker(fake, store)


@pytest.fixture
def alone(fake: FakeBackend) -> tuple[Node, MemoryStore]:
    """Makes nodes over a store in memory, which tests look into."""
    memory = MemoryStore()
    return maker(fake, memory), memory


def at_once(work: Any) -> Any:
    """What the store in memory answers, which never waits."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")
