"""A node that saves behind the response, over a store in memory that can be paused and broken."""

from __future__ import annotations

import pytest
from tests.fixtures.watched import WatchedStore

from sojourn.core.record import Record
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock

LATER = Behind(interval=3600)


@pytest.fixture
def memory(clock: FakeClock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def inner(memory: MemoryStore) -> WatchedStore:
    return WatchedStore(memory)


@pytest.fixture
def dropped() -> list[Record]:
    """What the node was told that it could not save."""
    return []


@pytest.fixture
def node(inner: WatchedStore, dropped: list[Record]) -> BehindStore:
    return BehindStore(inner, LATER, dropped=dropped.append)


@pytest.fixture
def other(memory: MemoryStore) -> BehindStore:
    """Another node on the same store."""
    return BehindStore(memory, LATER)
