"""Two nodes that share a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from tests.store.near.fleet import Node

from sojourn.core.record import Record
from sojourn.store.memory import MemoryStore
from sojourn.store.near import Near
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def monotonic() -> FakeClock:
    """What tells how long a watch has been silent."""
    return FakeClock(5000.0)


@pytest.fixture
def shared(clock: FakeClock) -> MemoryStore:
    """The store as it is; asking it directly is what another node does."""
    return MemoryStore(clock=clock)


@pytest.fixture
def make(shared: MemoryStore, clock: FakeClock, monotonic: FakeClock) -> Iterator[Callable[..., Node]]:
    made: list[Node] = []

    def make_one(near: Near = Near(), name: str = "n1") -> Node:  # noqa: B008 - it is frozen
        made.append(Node(shared, near, name=name, clock=clock, monotonic=monotonic))
        return made[-1]

    yield make_one
    for each in made:
        asyncio.run(each.close())


@pytest.fixture
def node(make: Callable[..., Node]) -> Node:
    return make()


@pytest.fixture
def record(clock: FakeClock) -> Record:
    return records.new(clock)
