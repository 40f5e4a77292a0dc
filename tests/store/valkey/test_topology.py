"""Which server is asked: a cluster that is reshaped, and a primary that fails over."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.fixtures.valkeys import Cluster, ValkeyServer, running

from sojourn.core.record import Record
from sojourn.errors import StoreError, StoreUnavailable
from sojourn.store.base import Beat, Change
from sojourn.store.valkey import ValkeyStore
from sojourn.store.valkey.client.wire import slot_of
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

PATIENCE = 20


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster of one's own."""
    with tempfile.TemporaryDirectory(prefix="sojourn-valkey-") as directory:
        cluster = Cluster(Path(directory))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@contextlib.contextmanager
def with_sentinel(primary: ValkeyServer) -> Iterator[ValkeyServer]:
    watched = (
        f"sentinel monitor shop 127.0.0.1 {primary.port} 1",
        "sentinel down-after-milliseconds shop 500",
        "sentinel failover-timeout shop 2000",
    )
    with running(*watched, arguments=("--sentinel",)) as sentinel:
        yield sentinel


def hand_over(cluster: Cluster, tag: str) -> None:
    """Give the slot of `tag` to another server, with what is in it."""
    slot = slot_of(tag)
    source = next(server for server in cluster.servers if _has(server, slot))
    target = next(server for server in cluster.servers if server is not source)
    giving, taking = source.client(), target.client()
    taking_id, giving_id = taking.execute_command("CLUSTER", "MYID"), giving.execute_command("CLUSTER", "MYID")
    taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", giving_id)
    giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", taking_id)
    while keys := giving.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 10):
        giving.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
    for client in (taking, giving):
        client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", taking_id)
        client.close()


def _has(server: ValkeyServer, slot: int) -> bool:
    with contextlib.closing(server.client()) as client:
        mine = client.execute_command("CLUSTER", "MYID")
        nodes = client.cluster("NODES")
    [held] = [each["slots"] for each in nodes.values() if each["node_id"] == mine.decode()]
    return any(int(first) <= slot <= int(last) for first, last in held)


async def until_it_ends(watch: AsyncIterator[Change | Beat]) -> None:
    async with asyncio.timeout(PATIENCE):
        async for _ in watch:
            pass


async def test_sessions_are_found_where_their_slot_has_gone(cluster: Cluster, clock: FakeClock) -> None:
    store = ValkeyStore(cluster.url, clock=clock)
    record = records.new(clock)
    await store.save(record, over=None)
    await asyncio.to_thread(hand_over, cluster, record.key[:2])
    assert await store.load(record.key, "shop") == record
    await store.save(records.newer(record), over=record)
    assert await store.load(record.key, "shop") == records.newer(record)
    assert await store.delete(record.key, "shop")
    await store.close()


async def test_a_watch_ends_when_the_cluster_is_reshaped(cluster: Cluster, clock: FakeClock) -> None:
    store = ValkeyStore(cluster.url, clock=clock)
    record = records.new(clock)
    await store.save(record, over=None)
    watch = store.watch()
    assert isinstance(await anext(watch), Beat)
    await asyncio.to_thread(hand_over, cluster, record.key[:2])
    with pytest.raises(StoreUnavailable, match="reshaped"):
        await until_it_ends(watch)
    await store.close()


async def test_a_server_that_has_gone_takes_only_its_own_sessions(cluster: Cluster, clock: FakeClock) -> None:
    store = ValkeyStore(f"{cluster.url}?timeout=1", clock=clock)
    made = [records.new(clock) for _ in range(30)]
    await asyncio.gather(*(store.save(record, over=None) for record in made))
    watch = store.watch()
    await anext(watch)
    cluster.servers[0].pause()
    answers = await asyncio.gather(*(store.load(record.key, "shop") for record in made), return_exceptions=True)
    found = [answer == record for record, answer in zip(made, answers, strict=True)]
    assert 0 < sum(found) < len(made)
    assert all(isinstance(answer, StoreUnavailable) for answer, there in zip(answers, found, strict=True) if not there)
    with pytest.raises(StoreUnavailable):
        await until_it_ends(watch)
    cluster.servers[0].resume()
    await store.close()


async def test_the_new_primary_is_found_after_a_fail_over(clock: FakeClock) -> None:
    with (
        running() as primary,
        running(f"replicaof 127.0.0.1 {primary.port}") as replica,
        with_sentinel(primary) as sentinel,
    ):
        store = ValkeyStore(f"valkey+sentinel://127.0.0.1:{sentinel.port}/shop?timeout=1", clock=clock)
        record = records.new(clock)
        await store.save(record, over=None)
        watch = store.watch()
        assert isinstance(await anext(watch), Beat)
        await asyncio.to_thread(_until_known, sentinel, primary, replica)
        primary.stop()
        with pytest.raises(StoreUnavailable):
            await until_it_ends(watch)
        async with asyncio.timeout(PATIENCE):
            await _until_it_answers(store, record)
        await store.save(records.newer(record), over=record)
        assert replica.client().exists(f"sojourn:{{{record.key[:2]}}}:s:{record.key}/shop")
        await store.close()


async def test_a_service_that_no_sentinel_knows_is_told(valkey_server: ValkeyServer, clock: FakeClock) -> None:
    with with_sentinel(valkey_server) as sentinel:
        store = ValkeyStore(f"valkey+sentinel://127.0.0.1:{sentinel.port}/other", clock=clock)
        with pytest.raises(StoreUnavailable, match="knows no service of that name"):
            await store.open()
        await store.close()


async def test_a_server_that_is_no_cluster_is_told(valkey_server: ValkeyServer, clock: FakeClock) -> None:
    store = ValkeyStore(f"valkey+cluster://127.0.0.1:{valkey_server.port}", clock=clock)
    with pytest.raises(StoreUnavailable):
        await store.open()
    await store.close()


async def _until_it_answers(store: ValkeyStore, record: Record) -> None:
    while True:
        with contextlib.suppress(StoreError):
            if await store.load(record.key, "shop") is not None:
                return
        await asyncio.sleep(0.1)


def _until_known(sentinel: ValkeyServer, primary: ValkeyServer, replica: ValkeyServer) -> None:
    """Until the sentinel knows of the replica, and the replica has what the primary has."""
    with contextlib.closing(sentinel.client()) as client, contextlib.closing(primary.client()) as other:
        while len(client.execute_command("SENTINEL", "REPLICAS", "shop")) < 1 or not other.wait(1, 1000):
            pass
    assert replica.pid
