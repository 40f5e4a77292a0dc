"""Sessions over each store, and over stores around a store, with a clock that stands still.

All tests run over `BARE`. Those that do not look at the store itself have to come out the same with others around it:
they run over `AROUND` as well. `SOJOURN_TEST_STORES="memory sqlite"` names the stores for those in a hurry.
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

from sojourn import Behind, Near, Sessions
from sojourn.core.events import Event
from sojourn.store import open_store
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]

BARE = ["memory", "sqlite", "postgres", "valkey"]
AROUND = [("memory", "async"), ("memory", "sealed"), ("memory", "near"), ("postgres", "near"), ("valkey", "near")]
SETTINGS: dict[str, dict[str, Any]] = {
    "": {"near": None},
    "near": {"near": Near()},
    "async": {"near": None, "save": "async", "write": Behind(interval=3600)},
    "sealed": {"near": None, "seal": [b"k" * 32]},
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" not in metafunc.fixturenames:
        return
    asked_for = set(inspect.signature(metafunc.function).parameters)
    places = [(kind, "") for kind in BARE] + ([] if "store" in asked_for else AROUND)
    if asked_for & {"make", "slow", "twin"}:  # other nodes see what is written behind a response when it is stored
        places = [place for place in places if place[1] != "async"]
    if "local" in metafunc.fixturenames:
        places = [place for place in places if place[0] in ("memory", "sqlite")]
    wanted = os.environ.get("SOJOURN_TEST_STORES", " ".join(BARE)).split()
    places = [place for place in places if place[0] in wanted]
    metafunc.parametrize("place", places, indirect=True, ids=["-".join(filter(None, place)) for place in places])


@pytest.fixture
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Which store the test runs over, and what is around it."""
    kind, around = request.param
    return kind, around


@pytest.fixture
def local() -> None:
    """For tests whose event loops end without a close: they would leave connections to the garbage collector."""


@pytest.fixture
def store(request: pytest.FixtureRequest, place: tuple[str, str], clock: FakeClock, tmp_path: Path) -> WatchedStore:
    kind = place[0]
    if kind in ("memory", "sqlite"):
        address = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/sessions.db"}[kind]
        return WatchedStore(open_store(address, clock=clock))
    opened = open_store(request.getfixturevalue(f"{kind}_url"), clock=clock)
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
def make(place: tuple[str, str], store: WatchedStore, clock: FakeClock, made: list[Sessions]) -> Iterator[Make]:
    """Makes `Sessions` with settings of the test's own, over the store of the test unless it gives another."""

    def make(**settings: Any) -> Sessions:
        made.append(Sessions(**{"store": store, "clock": clock, **SETTINGS[place[1]], **settings}))
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
