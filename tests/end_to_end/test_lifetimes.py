"""Times and ends of sessions, probed from outside (requirements R20–R31)."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.end_to_end.stored import records
from tests.fixtures.nodes import node
from tests.fixtures.servers import Serving
from tests.fixtures.wire import Wire, gates

from sojourn import Lifetime, Sessions
from sojourn.core.lifetime import GRACE
from sojourn.testing import FakeClock


class Site:
    """Two nodes on one store, and the clock that both have."""

    def __init__(self, store: str, nodes: ExitStack, **settings: Any) -> None:
        self.clock = FakeClock()
        settings = {"clock": self.clock, "near": None, **settings}
        self.sessions = [Sessions(store, node=f"n{n}", **settings) for n in range(2)]
        self.ports = [nodes.enter_context(node(each)) for each in self.sessions]

    def wires(self) -> list[Wire]:
        return [Wire(port) for port in self.ports]


@pytest.fixture(params=[{}, {"seal": [b"k" * 32]}], ids=["bare", "sealed"])
def make(request: pytest.FixtureRequest, store_url: str) -> Iterator[Callable[..., Site]]:
    """Makes two nodes on a store. With copies at hand, or writing behind, two nodes do not promise this much."""
    with ExitStack() as nodes:
        yield functools.partial(Site, store_url, nodes, **request.param)


def at(port: int, wire: Wire) -> Wire:
    return Wire(port, wire.jar)


async def test_a_session_ends_when_it_is_not_used_for_its_idle_time(make: Callable[..., Site]) -> None:
    """R20."""
    site = make()
    idle = site.sessions[0].lifetime
    assert idle.idle_seconds == 1800
    first, second = site.wires()
    await first.ask("/count")
    for port in site.ports * 2:
        site.clock.advance(seconds=1799)
        assert (await at(port, first).ask("/count")).status == 200
    second = at(site.ports[1], first)
    site.clock.advance(seconds=1800 + idle.slack + 1)
    for port in site.ports:
        assert (await at(port, second).ask("/read")).value["data"] == {}


async def test_no_activity_extends_the_absolute_lifetime(make: Callable[..., Site]) -> None:
    """R21."""
    site = make(lifetime=Lifetime(absolute=60))
    wire = site.wires()[0]
    await wire.ask("/count")
    for second in range(1, 60):
        site.clock.advance(seconds=1)
        assert (await wire.ask("/count")).value == second + 1
    site.clock.advance(seconds=1)
    assert (await wire.ask("/read")).value["data"] == {}


async def test_fifty_parallel_requests_at_the_moment_of_a_renewal_make_one_new_id(make: Callable[..., Site]) -> None:
    """R22."""
    site = make(lifetime=Lifetime(renew=600))
    wire = site.wires()[0]
    await wire.ask("/count")
    site.clock.advance(seconds=600)
    tabs = [at(site.ports[number % 2], wire) for number in range(50)]
    async with gates() as gate:
        asking = [asyncio.create_task(tab.ask(f"/read?gate={gate.port}")) for tab in tabs]
        held = [await gate.arrival() for _ in tabs]
        for writer in held:
            writer.write(b"!")
        replies = await asyncio.gather(*asking)
    assert {reply.status for reply in replies} == {200}
    assert all(reply.value["data"] == {"n": 1} for reply in replies)
    (new,) = {reply.cookies["__Host-id"] for reply in replies if "__Host-id" in reply.cookies}
    assert new != wire.jar["__Host-id"]
    for jar in (wire.jar, {"__Host-id": new}):  # the old one is followed until the new one has been used for a while
        assert (await Wire(site.ports[0], jar).ask("/count")).status == 200
    site.clock.advance(seconds=1)
    await Wire(site.ports[1], {"__Host-id": new}).ask("/count")
    site.clock.advance(seconds=GRACE)
    assert (await Wire(site.ports[0], wire.jar).ask("/read")).value["data"] == {}
    assert (await Wire(site.ports[0], {"__Host-id": new}).ask("/read")).value["data"]["n"] == 4


async def test_health_checks_static_files_refusals_and_preflights_neither_create_nor_touch(
    make: Callable[..., Site],
) -> None:
    """R26."""
    site = make(skip=["/nothing"], lifetime=Lifetime(idle=1200))
    wire = site.wires()[0]
    await wire.ask("/count")
    for _ in range(150):
        site.clock.advance(seconds=8)
        for visitor in (wire, Wire(site.ports[0])):
            assert (await visitor.ask("/nothing")).all("set-cookie") == []
            assert (await visitor.ask("/who?status=401")).all("set-cookie") == []
            assert (await visitor.ask("/who", method="OPTIONS")).all("set-cookie") == []
            visitor.hang_up()
    assert len(await site.sessions[0].find()) == 1  # lives by its slack alone
    site.clock.advance(seconds=60)
    assert await site.sessions[0].find() == []


async def test_anonymous_requests_without_data_write_nothing(serving: Serving) -> None:
    """R27."""
    before = len(await records(serving.store))

    async def pass_by() -> None:
        wire = Wire(serving.port)
        for target in ("/nothing", "/read", "/has", "/who", "/end") * 60:
            reply = await wire.ask(target)
            assert (reply.status, reply.cookies) == (200, {})

    await asyncio.gather(*(pass_by() for _ in range(10)))
    assert len(await records(serving.store)) == before


async def test_a_sign_out_counts_at_every_worker_at_once(serving: Serving) -> None:
    """R30."""
    for here, there in (serving.workers, serving.workers[::-1]):
        wire = Wire(serving.port)
        await wire.ask("/log_in?user=alice")
        stolen = []
        for worker in (here, there):
            with serving.only(worker):  # both have seen it
                stolen.append(wire.twin())
                assert (await stolen[-1].ask("/who")).value == ["alice", "alice"]
        with serving.only(here):
            await wire.twin().ask("/end")
        for replay in stolen:  # over the very connections that used it before
            assert (await replay.ask("/who")).value == [None, None]


async def test_a_request_in_flight_cannot_bring_back_what_was_signed_out(serving: Serving) -> None:
    """R31."""
    wire = Wire(serving.port)
    await wire.ask("/log_in?user=alice")
    async with gates() as gate:
        late = [f"/put?a=1&gate={gate.port}", f"/count?gate={gate.port}", f"/renew?gate={gate.port}"]
        asking = [asyncio.create_task(wire.twin().ask(target)) for target in late]
        held = [await gate.arrival() for _ in late]
        old = wire.twin()
        await wire.ask("/end")
        for writer in held:
            writer.write(b"!")
        assert [(reply.status, reply.cookies) for reply in await asyncio.gather(*asking)] == [(200, {})] * 3
    assert (await old.ask("/who")).value == [None, None]
