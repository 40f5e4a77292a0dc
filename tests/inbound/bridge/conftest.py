"""Sessions that sync code uses, with a store that can be held."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.inbound.bridge.asked import Asked, Held

from sojourn import Sessions
from sojourn.inbound.bridge import Bridge, wait
from sojourn.store.memory import MemoryStore


@pytest.fixture
def store() -> Held:
    return Held(MemoryStore())


@pytest.fixture
def sessions(store: Held) -> Iterator[Sessions]:
    sessions = Sessions(store)
    yield sessions
    store.gates.clear()
    wait(sessions.close())


@pytest.fixture
def bridge(sessions: Sessions) -> Bridge:
    return Bridge(sessions)


@pytest.fixture
def asked(bridge: Bridge) -> Asked:
    return Asked(bridge)
