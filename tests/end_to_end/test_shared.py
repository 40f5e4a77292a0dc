"""One session used by several requests at once, over two workers."""

from __future__ import annotations

import asyncio

import pytest
from tests.end_to_end.stored import records
from tests.fixtures.servers import Serving
from tests.fixtures.wire import Reply, Wire, gates

from sojourn.core.record import Record

CLIENTS, VALUES = 8, 500


async def test_eight_clients_that_write_to_one_session_at_once_lose_nothing(
    serving: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Wire(serving.port)
    await first.ask("/put?start=1")
    refused, workers = 0, set()

    async def write(wire: Wire, name: str) -> None:
        nonlocal refused
        for number in range(VALUES):
            while (reply := await wire.ask(f"/put?{name}={number}")).status == 503:
                refused += 1  # told so, and asked to come again: not lost
            workers.add(reply.worker)
            assert reply.status == 200
            assert (await wire.ask("/read")).value["data"][name] == str(number)

    wires = [first.twin() for _ in range(CLIENTS)]
    for number, wire in enumerate(wires):
        with serving.only(serving.workers[number % 2]):  # connections stay where they were accepted
            await wire.ask("/read")
    await asyncio.gather(*(write(wire, f"client{number}") for number, wire in enumerate(wires)))
    stored = (await first.ask("/read")).value
    with capsys.disabled():
        print(  # noqa: T201 - the figures are a result
            f"\n{CLIENTS} clients with {VALUES} writes each to one session, {len(workers)} workers: "
            f"{refused} answered 503 and repeated, version {stored['version']}"
        )
    assert workers == set(serving.workers)
    assert refused == 0
    assert stored["data"] == {"start": "1", **{f"client{number}": str(VALUES - 1) for number in range(CLIENTS)}}
    assert stored["version"] == 1 + CLIENTS * VALUES


async def both(serving: Serving, wire: Wire, target: str) -> list[Reply]:
    """Ask both workers."""
    replies = []
    for worker in serving.workers:
        with serving.only(worker):
            replies.append(await wire.twin().ask(target))
    assert {reply.worker for reply in replies} == set(serving.workers)
    return replies


@pytest.mark.parametrize("late", ["/put?late=1", "/renew", "/log_in?user=mallory", "/read", "/end"])
async def test_a_session_that_ends_under_a_slow_request_stays_ended_in_both_workers(
    serving: Serving, late: str
) -> None:
    """R31, seen from both workers."""
    wire = Wire(serving.port)
    await wire.ask("/put?a=1")
    for slow_worker in serving.workers:
        visitor = wire.twin() if slow_worker == serving.workers[0] else Wire(serving.port)
        await visitor.ask("/put?a=1")
        async with gates() as gate:
            with serving.only(slow_worker):
                slow = visitor.twin()
                asking = asyncio.create_task(slow.ask(f"{late}{'&' if '?' in late else '?'}gate={gate.port}"))
                held = await gate.arrival()
            other = next(worker for worker in serving.workers if worker != slow_worker)
            with serving.only(other):
                assert (await visitor.twin().ask("/end")).cookies["id"] == ""
            held.write(b"!")
            reply = await asking
        assert (reply.status, reply.cookies) == (200, {})
        assert [each.value["data"] for each in await both(serving, visitor, "/read")] == [{}, {}]


async def test_a_change_deep_inside_is_kept_in_both_workers(serving: Serving) -> None:
    wire = Wire(serving.port)
    for number, worker in enumerate(serving.workers * 2):
        with serving.only(worker):
            await wire.ask(f"/nested?item={number}")
            wire.hang_up()
    for reply in await both(serving, wire, "/read"):
        assert reply.value["data"]["cart"]["items"] == ["0", "1", "2", "3"]


async def test_reading_and_undoing_write_nothing(serving: Serving) -> None:
    wire = Wire(serving.port)
    others = {record.ref for record in await records(serving.store)}

    async def stored() -> list[Record]:
        return [record for record in await records(serving.store) if record.ref not in others]

    await wire.ask("/nested?item=pen")
    before = await stored()
    assert len(before) == 1
    for target in ("/read", "/undone", "/who", "/has", "/nothing", "/undone"):
        reply = await wire.ask(target)
        assert (reply.status, reply.cookies) == (200, {})
    assert await stored() == before


async def test_an_old_and_a_new_version_of_a_view_destroy_nothing_of_each_other(serving: Serving) -> None:
    wire = Wire(serving.port)
    await wire.ask("/old_view?item=pen")
    assert (await wire.ask("/new_view?coupon=SPRING")).value == [["pen"], "SPRING"]
    assert (await wire.ask("/old_view?item=ink")).value == ["pen", "ink"]
    assert (await wire.ask("/new_view")).value == [["pen", "ink"], "SPRING"]
    async with gates() as gate:
        tab = wire.twin()
        asking = asyncio.create_task(tab.ask(f"/old_view?item=cap&gate={gate.port}"))
        held = await gate.arrival()
        await wire.ask("/new_view?coupon=SUMMER")
        held.write(b"!")
        await asking
    assert (await wire.ask("/new_view")).value == [["pen", "ink", "cap"], "SUMMER"]
