"""Sessions over each store, and over stores around a store, with a clock that stands still.

All tests run over each of `STORES`. Those that do not look at the store itself have to come out the same with others
around it: they run with each of `AROUND` as well, around each; or each around one of them, by turns: see `once`. What
is not promised there is left out: see `sync`.
`SOJOURN_TEST_STORES="memory sqlite"` names the stores for those in a hurry.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast
from zlib import crc32

import pytest
from tests.fixtures.postgres import (  # noqa: F401 - fixtures
    emptied_postgres_url,
    postgres_address,
    postgres_schema,
    postgres_url,
    postgres_urls,
)
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url  # noqa: F401 - fixtures
from tests.fixtures.visitor import Action, Answer, Visitor
from tests.fixtures.watched import WatchedStore

from sojourn import Behind, Near, Sessions
from sojourn.core.events import Event
from sojourn.store import open_store
from sojourn.store.near import NearStore
from sojourn.store.stack import layers
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]
Seen = Callable[[Visitor, Action, Any], Awaitable[Answer]]

STORES = ["memory", "sqlite", "postgres", "valkey"]
AROUND: dict[str, dict[str, Any]] = {
    "": {"near": None},
    "near": {"near": Near()},
    "async": {"near": None, "save": "async", "write": Behind(interval=3600)},
    "sealed": {"near": None, "seal": [b"k" * 32]},
}
SERVERS = {"postgres": "emptied_postgres", "valkey": "valkey"}
NODES = {False: "same node", True: "another node"}
PATIENCE = 10  # seconds of real time until a watch has to be on, and to have told what was written


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" not in metafunc.fixturenames:
        return
    wanted = os.environ.get("SOJOURN_TEST_STORES", " ".join(STORES)).split()
    if "local" in metafunc.fixturenames:
        wanted = [kind for kind in wanted if kind in ("memory", "sqlite")]
    once = "once" in metafunc.fixturenames
    looks = "store" in inspect.signature(metafunc.function).parameters
    nodes = [False, True] if "another_node" in metafunc.fixturenames else [None]
    runs = [
        (place, node)
        for *place, node in itertools.product([kind for kind in STORES if kind in wanted], AROUND, nodes)
        if not ((looks or "bare" in metafunc.fixturenames) and place[1])
        and not (once and place[1] and place[0] != _whose_turn(metafunc.definition.nodeid, place[1], wanted))
        and not ("sync" in metafunc.fixturenames and place[1] == "async" and node is not False)
    ]
    ids = ["-".join(filter(None, (*place, NODES.get(node)))) for place, node in runs]
    if nodes == [None]:
        metafunc.parametrize("place", [place for place, _ in runs], indirect=True, ids=ids)
    else:
        metafunc.parametrize(("place", "another_node"), runs, indirect=True, ids=ids)


def _whose_turn(test: str, around: str, kinds: list[str]) -> str:
    """The store that has this one around it in that test; another in the next."""
    return kinds[(crc32(test.encode()) + [*AROUND].index(around)) % len(kinds)]


@pytest.fixture
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Which store the test runs over, and what is around it."""
    kind, around = request.param
    return kind, around


@pytest.fixture
def another_node(request: pytest.FixtureRequest) -> bool:
    """Whether the second of two requests arrives at another node; the test runs with both."""
    return bool(request.param)


@pytest.fixture
def bare() -> None:
    """For tests of what stands before the sessions, which whatever is around a store cannot change."""


@pytest.fixture
def once() -> None:
    """For tests of what is decided between the sessions and a store: each that may be around one is around one."""


@pytest.fixture
def sync() -> None:
    """For tests in which one node sees at once what another has written, and for those with a `save` of their own.

    They are left out where what is written is stored behind the response.
    """


@pytest.fixture
def local() -> None:
    """For tests whose event loops end without a close: they would leave connections to the garbage collector."""


@pytest.fixture
def store(request: pytest.FixtureRequest, place: tuple[str, str], clock: FakeClock, tmp_path: Path) -> WatchedStore:
    kind = place[0]
    if kind in ("memory", "sqlite"):
        address = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/sessions.db"}[kind]
        return WatchedStore(open_store(address, clock=clock))
    opened = open_store(request.getfixturevalue(f"{SERVERS[kind]}_url"), clock=clock)
    opened.remote = False  # type: ignore[attr-defined]  # so that nothing but what the test asks for is around it
    return WatchedStore(opened)


@pytest.fixture
def made() -> list[Sessions]:
    """All that `make` has made."""
    return []


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Begin with copies that are served, and close what a test has made in the event loop in which it was used."""
    test, given = pyfuncitem.obj, cast("dict[str, Any]", pyfuncitem.funcargs)
    if "made" not in given or not inspect.iscoroutinefunction(test):
        return

    @functools.wraps(test)
    async def closing(**values: Any) -> None:
        try:
            if given["place"][1] == "near":
                await asyncio.gather(*map(_be_near, given["made"]))
            await test(**values)
        finally:
            given["store"].before.clear()
            for sessions in given["made"]:
                await sessions.close()

    pyfuncitem.obj = closing


async def _be_near(sessions: Sessions) -> None:
    """Wait until the watch is on: before, each request would ask the store."""
    for near in layers(sessions.store):
        if isinstance(near, NearStore):
            await near.open()
            async with asyncio.timeout(PATIENCE):
                while not near.healthy:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.001)


@pytest.fixture
def make(place: tuple[str, str], store: WatchedStore, clock: FakeClock, made: list[Sessions]) -> Iterator[Make]:
    """Makes `Sessions` with settings of the test's own, over the store of the test unless it gives another."""

    def make(**settings: Any) -> Sessions:
        made.append(Sessions(**{"store": store, "clock": clock, **AROUND[place[1]], **settings}))
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


@pytest.fixture
def seen(place: tuple[str, str]) -> Seen:
    """Asks for what somebody else has just written at another node, who told this visitor nothing.

    It is seen at once, but within the bound of the watch where copies are served.
    """

    async def ask(visitor: Visitor, action: Action, expected: Any) -> Answer:
        give_up_at = asyncio.get_running_loop().time() + PATIENCE
        while True:
            answer = await visitor.ask(action)
            late = asyncio.get_running_loop().time() > give_up_at
            if place[1] != "near" or answer.value == expected or late:
                return answer
            await asyncio.sleep(0.001)

    return ask
