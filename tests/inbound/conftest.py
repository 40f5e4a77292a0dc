"""Sessions over each store that needs no server, with a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor
from tests.fixtures.watched import WatchedStore

from sojourn import Sessions
from sojourn.core.events import Event
from sojourn.store import open_store
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> WatchedStore:
    address = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/sessions.db"
    return WatchedStore(open_store(address, clock=clock))


@pytest.fixture
def make(store: WatchedStore, clock: FakeClock) -> Iterator[Make]:
    """Makes `Sessions` with settings of the test's own, over the store of the test unless it gives another."""
    made: list[Sessions] = []

    def make(**settings: Any) -> Sessions:
        made.append(Sessions(**{"store": store, "clock": clock, **settings}))
        return made[-1]

    yield make
    store.before.clear()
    for sessions in made:
        asyncio.run(sessions.close())


@pytest.fixture
def sessions(make: Make) -> Sessions:
    return make()


@pytest.fixture
def visitor(sessions: Sessions) -> Visitor:
    return Visitor(sessions)


@pytest.fixture
def told(sessions: Sessions) -> list[Event]:
    """The events of `sessions`."""
    events: list[Event] = []
    sessions.listen(events.append)
    return events
