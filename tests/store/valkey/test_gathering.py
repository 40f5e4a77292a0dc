"""What is asked in one turn goes together; loops and processes do not share a connection."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator

import pytest
from tests.fixtures.valkeys import Cluster, ValkeyServer
from tests.store.valkey.relay import relayed

from sojourn.core.record import Record
from sojourn.errors import Conflict
from sojourn.store.valkey import ValkeyStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

MANY = 64


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def created(store: ValkeyStore, clock: FakeClock, number: int = MANY) -> AsyncIterator[Record]:
    for _ in range(number):
        record = records.new(clock)
        await store.save(record, over=None)
        yield record


async def test_loads_and_saves_of_one_turn_are_one_round_trip(
    valkey_server: ValkeyServer, valkey_prefix: str, clock: FakeClock
) -> None:
    async with relayed(valkey_server.port) as relay:
        store = ValkeyStore(f"valkey://127.0.0.1:{relay.port}?prefix={valkey_prefix}", clock=clock)
        made = [record async for record in created(store, clock)]
        await store.save(records.newer(made[0]), over=made[0])  # the script is known
        [line] = store._scope().lane._lines.values()
        asked, trips = line.ask.asked, line.ask.trips
        relay.requests.clear()
        await asyncio.gather(
            *(store.save(records.newer(record), over=record) for record in made[1:]),
            *(store.load(record.key, record.app) for record in made),
        )
        assert (line.ask.asked - asked, line.ask.trips - trips) == (2 * MANY - 1, 1)
        sent = b"".join(relay.requests)
        assert sent.count(b"EVALSHA") == MANY - 1
        assert sent.count(b"$3\r\nGET\r\n") == MANY
        assert sent.count(b"\r\n*") + 1 == 2 * MANY - 1
        await store.close()


async def test_an_operation_costs_few_commands(
    valkey_server: ValkeyServer, valkey_prefix: str, clock: FakeClock
) -> None:
    store = ValkeyStore(f"{valkey_server.url}?prefix={valkey_prefix}", clock=clock)
    await store.open()
    [line] = store._scope().lane._lines.values()

    async def cost(question: object) -> int:
        before = line.ask.asked
        await question  # type: ignore[misc]
        return line.ask.asked - before

    record = records.new(clock)
    assert await cost(store.save(record, over=None)) == 2  # its entry, the record
    assert await cost(store.load(record.key, record.app)) == 1
    assert await cost(store.save(records.newer(record), over=record)) == 1
    assert await cost(store.touch(record)) == 1
    moved = records.renewed(records.newer(record), clock)
    assert await cost(store.save(moved, over=records.newer(record))) == 1
    assert await cost(store.load(record.key, record.app)) == 2  # the stub, the record
    signed = records.signed_in(moved, clock)
    assert (
        await cost(store.admit(signed, over=moved, limit=5, when_full="refuse", lease=1)) == 2
    )  # the seat, the record
    assert await cost(store.delete(signed.key, signed.app)) == 3  # the record, its entry, its seat
    await store.close()


async def test_each_server_of_a_cluster_is_asked_once_a_turn(
    valkey_cluster: Cluster, valkey_prefix: str, clock: FakeClock
) -> None:
    store = ValkeyStore(f"{valkey_cluster.url}?prefix={valkey_prefix}", clock=clock)
    made = [record async for record in created(store, clock)]
    lines = store._scope().lane._lines.values()
    before = {line: line.ask.trips for line in lines}
    await asyncio.gather(*(store.load(record.key, record.app) for record in made))
    assert sorted(line.ask.trips - before[line] for line in lines) == [1, 1, 1]
    await store.close()


async def test_two_event_loops_share_a_store(valkey_url: str, clock: FakeClock) -> None:
    store = ValkeyStore(valkey_url, clock=clock)
    record = records.new(clock)
    await store.save(record, over=None)
    found: list[object] = []

    async def elsewhere() -> None:
        found.append(await store.load(record.key, record.app))
        await store.save(records.newer(record), over=record)
        await store.close()

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert found == [record]
    with pytest.raises(Conflict):
        await store.save(records.newer(record), over=record)
    assert await store.load(record.key, record.app) == records.newer(record)
    await store.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_has_used_a_store_may_fork(valkey_url: str, clock: FakeClock) -> None:
    store = ValkeyStore(valkey_url, clock=clock)
    record = records.new(clock)
    with asyncio.Runner() as runner:
        runner.run(store.save(record, over=None))
        child = os.fork()
        if not child:  # pragma: no cover - measured in the parent alone
            try:
                asyncio.set_event_loop(None)
                asyncio.Runner().run(in_the_child(store, record))
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert runner.run(store.load(record.key, record.app)) == records.newer(record)
        runner.run(store.close())


async def in_the_child(store: ValkeyStore, record: Record) -> None:
    assert await store.load(record.key, record.app) == record
    await store.save(records.newer(record), over=record)
    await store.close()
