"""Sessions over stores that need no server, with a near cache and without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.telemetry.day import Day

from sojourn import Limit, Near, Sessions
from sojourn.store import open_store
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make(clock: FakeClock) -> Iterator[Make]:
    """Makes `Sessions` with settings of the test's own, in memory unless it says otherwise."""
    made: list[Sessions] = []

    def make(**settings: Any) -> Sessions:
        settings = {"store": "memory:", "clock": clock, "app": "shop", "near": None, **settings}
        if isinstance(settings["store"], str):
            settings["store"] = open_store(settings["store"], clock=clock)
        made.append(Sessions(**settings))
        return made[-1]

    yield make
    for sessions in made:
        asyncio.run(sessions.close())


@pytest.fixture(params=["memory", "sqlite", "near"])
def sessions(request: pytest.FixtureRequest, make: Make, tmp_path: Path) -> Sessions:
    store = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/sessions.db"
    near = Near() if request.param == "near" else None
    return make(store=store, near=near, route="n1", limit=Limit(per_principal=2))


@pytest.fixture
def day(sessions: Sessions, clock: FakeClock) -> Day:
    return Day(sessions, clock)
