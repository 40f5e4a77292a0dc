"""Stores that are away, from outside: each policy, a start without the store, and new keys while visitors come."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.process import Process, processes
from tests.fixtures.stoppable import Stoppable, stoppable
from tests.fixtures.wire import Reply, Wire

VISITORS = 20
NEAR = {"entries": 1000}
PATIENCE = 30.0  # seconds
OLD, NEW = "01" * 32, "02" * 32

POLICIES: dict[str, set[Any]] = {"fail": set(), "read-only": {"own"}, "anonymous": {"own", None}}
"""Whose data a visitor may be shown while the store is away."""


async def signed_in(port: int) -> dict[str, Wire]:
    wires = {f"user{number}": Wire(port) for number in range(VISITORS)}
    for name, wire in wires.items():
        assert (await wire.ask(f"/log_in?user={name}")).status == 200
        assert (await wire.ask("/who")).value == [name, name]
    return wires


def shown(name: str, reply: Reply) -> Any:
    """Whose data it was: one's own, nobody's, or that of `name` somebody else, which is never so."""
    if reply.status != 200:
        assert (reply.status, name in reply.body.decode()) == (503, False)
        return "refused"
    assert reply.value in ([name, name], [None, None])
    return "own" if reply.value[0] else None


@pytest.fixture(scope="module", params=["postgres", "valkey"])
def server(request: pytest.FixtureRequest) -> Iterator[Stoppable]:
    with stoppable(request.param) as server:
        yield server


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("hangs", [False, True], ids=["stops", "hangs"])
async def test_while_the_store_is_away_nobody_is_shown_what_is_anothers_and_afterwards_all_is_there(
    server: Stoppable, hangs: bool, policy: str, tmp_path: Path
) -> None:
    store = f"{server.url}?timeout=1"  # seconds after which one that hangs counts as away
    with processes(tmp_path, store, {"outage": policy, "near": NEAR}) as [node]:
        wires = await signed_in(node.port)
        jars = {name: dict(wire.jar) for name, wire in wires.items()}
        async with server.away(hangs=hangs):
            begun = time.monotonic()
            seen: set[Any] = set()
            while time.monotonic() < begun + 3:
                replies = await asyncio.gather(*(wire.ask("/who") for wire in wires.values()))
                seen |= {shown(name, reply) for name, reply in zip(wires, replies, strict=True)}
                assert not [reply for reply in replies if reply.cookies]
                assert (await Wire(node.port).ask("/nothing")).status == 200
            assert seen <= POLICIES[policy] | {"own", "refused"}  # copies are served until the watch counts as broken
            assert "own" in seen or policy != "read-only"
        await back(wires)
        assert {name: wire.jar for name, wire in wires.items()} == jars


async def back(wires: dict[str, Wire]) -> None:
    """Wait until everybody is known again."""
    async with asyncio.timeout(PATIENCE):
        for name, wire in wires.items():
            while shown(name, await wire.ask("/who")) != "own":  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)


async def test_a_node_that_starts_without_its_store_waits_for_it(server: Stoppable, tmp_path: Path) -> None:
    async with server.away():
        node = Process(tmp_path, server.url)
        asking = asyncio.create_task(Wire(node.port).ask("/log_in?user=alice"))
        await asyncio.sleep(1)  # a time without the store, in which it is not ready and does not give up
        assert not asking.done()
    try:
        async with asyncio.timeout(PATIENCE):
            assert (await asking).status == 200
    finally:
        await asyncio.to_thread(node.stop)


async def test_keys_are_changed_while_visitors_come(store_url: str, tmp_path: Path) -> None:
    """A new key is made known to all nodes before the first of them seals with it; the old one goes last."""
    plans = [[OLD], [NEW, OLD], [OLD, NEW], [NEW]]
    async with contextlib.AsyncExitStack() as stack:

        def start(keys: list[str]) -> Process:
            node = Process(tmp_path, store_url, seal=keys)
            stack.callback(node.stop)
            return node

        nodes = [start(plans[0]), start(plans[0])]
        visitors = [Sealed(name, wire, nodes) for name, wire in (await signed_in(nodes[0].port)).items()]
        async with asyncio.TaskGroup() as group:
            visiting = [group.create_task(visitor.run()) for visitor in visitors]
            for plan in plans[1:]:
                for number in range(2):
                    await have_come(visitors)  # so that what they have is sealed as the plan before says
                    await asyncio.to_thread(nodes[number].stop)
                    nodes[number] = await asyncio.to_thread(start, plan)
            await have_come(visitors)
            for task in visiting:
                task.cancel()


class Sealed:
    """A visitor who writes at one node after the other, and has to be known at each."""

    def __init__(self, name: str, wire: Wire, nodes: list[Process]) -> None:
        self.served = 0
        self._name, self._wire, self._nodes = name, wire, nodes

    async def run(self) -> None:
        asked = 0
        while True:
            asked += 1
            self._wire.hang_up()
            self._wire.port = self._nodes[asked % 2].port
            try:
                reply = await self._wire.ask("/tag")
            except ConnectionError:  # this node is being replaced
                await asyncio.sleep(0.01)
                continue
            assert (reply.status, reply.value) == (200, [self._name, self._name])
            self.served += 1


async def have_come(visitors: list[Sealed]) -> None:
    """Wait until each was served a few times more."""
    wanted = [visitor.served + 4 for visitor in visitors]
    async with asyncio.timeout(PATIENCE):
        while any(v.served < at for v, at in zip(visitors, wanted, strict=True)):  # noqa: ASYNC110 - they tell nobody
            await asyncio.sleep(0.01)
