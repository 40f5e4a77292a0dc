"""Sessions over each store that needs no server, with a clock that stands still.

`SOJOURN_TEST_STORES="postgres valkey"` has these tests run over stores that need one, too.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls  # noqa: F401 - fixtures
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url  # noqa: F401 - fixtures
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


@pytest.fixture(params=["memory", "sqlite", *os.environ.get("SOJOURN_TEST_STORES", "").split()])
def store(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> WatchedStore:
    address = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/sessions.db"}.get(request.param)
    opened = open_store(address or request.getfixturevalue(f"{request.param}_url"), clock=clock)
    if address is None:
        opened.remote = False  # type: ignore[attr-defined]  # so that nothing but what the test asks for is around it
    return WatchedStore(opened)


@pytest.fixture
def made() -> list[Sessions]:
    """All that `make` has made."""
    return []


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Close what a test has made in the event loop in which it was used, as applications do."""
    test, given = pyfuncitem.obj, cast("dict[str, Any]", pyfuncitem.funcargs)
    if "made" not in given or not inspect.iscoroutinefunction(test):
        return

    @functools.wraps(test)
    async def closing(**values: Any) -> None:
        try:
            await test(**values)
        finally:
            given["store"].before.clear()
            for sessions in given["made"]:
                await sessions.close()

    pyfuncitem.obj = closing


@pytest.fixture
def make(store: WatchedStore, clock: FakeClock, made: list[Sessions]) -> Iterator[Make]:
    """Makes `Sessions` with settings of the test's own, over the store of the test unless it gives another."""

    def make(**settings: Any) -> Sessions:
        made.append(Sessions(**{"store": store, "clock": clock, "near": None, **settings}))
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
