"""Increments of one attribute by many at once, at two nodes, over every store and what stands around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fixtures.visitor import Visitor, sets
from tests.inbound.exclusive.conftest import stored

from sojourn import Session, Sessions
from sojourn.store import Store, open_store
from sojourn.store.behind import BehindStore
from sojourn.store.near import NearStore

CLIENTS = 8


@pytest.fixture(params=["memory", "sqlite", "postgres", "valkey"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Opens the store as each node does."""
    if request.param == "memory":
        memory = open_store("memory:")
        return lambda: memory
    address = (
        f"sqlite:///{tmp_path}/sessions.db"
        if request.param == "sqlite"
        else request.getfixturevalue(f"{request.param}_url")
    )
    return lambda: open_store(address)


def bare(store: Store, _: str) -> Store:
    return store


def near(store: Store, node: str) -> Store:
    return NearStore(store, node=node)


def behind(store: Store, _: str) -> Store:
    return BehindStore(store)


@pytest.mark.long
@pytest.mark.unmeasured  # the lines are those of the 25 of each below
@pytest.mark.parametrize("opened", ["memory", "sqlite", "valkey"], indirect=True)
async def test_of_8_clients_500_increments_each_count_4000(opened: Callable[[], Store]) -> None:
    await count(opened, bare, 500)


@pytest.mark.parametrize("around", [bare, near, behind])
async def test_no_store_and_no_store_around_it_loses_any(
    opened: Callable[[], Store], around: Callable[[Store, str], Store]
) -> None:
    await count(opened, around, 25)


async def count(opened: Callable[[], Store], around: Callable[[Store, str], Store], increments: int) -> None:
    nodes = [Sessions(around(opened(), name), node=name) for name in ("n1", "n2")]
    for node in nodes:
        await node.start()
    visitor = Visitor(nodes[0])
    await visitor.ask(sets(n=0))

    async def client(number: int) -> None:
        browser = visitor.twin(nodes[number % 2])
        for _ in range(increments):
            assert (await browser.ask(increment)).status == 200

    await asyncio.gather(*map(client, range(CLIENTS)))
    assert await stored(visitor.twin(nodes[1])) == {"n": CLIENTS * increments}
    for node in nodes:
        await node.close()


async def increment(session: Session) -> None:
    async with session.exclusive(wait=60):
        session["n"] += 1
