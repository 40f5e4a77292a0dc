"""Servers that stop, hang or come back: what is known is told, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from tests.fixtures.postgres import PostgresServer, running, waits_for_a_lock

from sojourn.errors import OutcomeUnknown, StoreBusy, StoreUnavailable
from sojourn.store import open_store
from sojourn.store.base import Beat, Query
from sojourn.store.postgres import PostgresStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

LIMIT = 1.0


@pytest.fixture
def server(own_server: PostgresServer) -> Iterator[PostgresServer]:
    yield own_server
    own_server.stop()
    own_server.start()


async def opened(server: PostgresServer, clock: FakeClock, **options: Any) -> PostgresStore:
    store = open_store(f"{server.url}?timeout={options.get('timeout', LIMIT)}&schema=broken", clock=clock)
    assert isinstance(store, PostgresStore)
    await store.open()
    return store


async def test_a_server_that_comes_back_is_used_again(server: PostgresServer, clock: FakeClock) -> None:
    store = await opened(server, clock)
    record = records.new(clock)
    await store.save(record, over=None)
    server.stop()
    for question in (store.load(record.key, "shop"), store.touch(record), store.save(records.new(clock), over=None)):
        with pytest.raises(StoreUnavailable) as caught:
            await question
        assert not isinstance(caught.value, OutcomeUnknown)  # there was no server to write anything
    server.start()
    assert await store.load(record.key, record.app) == record
    await store.save(records.newer(record), over=record)
    await store.close()


async def test_a_read_that_meets_a_connection_which_the_server_closed_is_asked_again(
    server: PostgresServer, clock: FakeClock
) -> None:
    store = await opened(server, clock)
    record = records.new(clock)
    await store.save(record, over=None)
    other = await asyncpg.connect(server.url)
    await other.execute("begin; lock table broken.session")
    reading = asyncio.create_task(store.load(record.key, record.app))
    pid = await waits_for_a_lock(other)
    await other.execute(f"select pg_terminate_backend({pid})")
    await other.execute("rollback")
    assert await reading == record
    await other.close()
    await store.close()


@pytest.mark.parametrize("how", ["terminated", "crashed"])
async def test_a_write_whose_connection_breaks_has_an_unknown_outcome(
    server: PostgresServer, clock: FakeClock, how: str
) -> None:
    store = await opened(server, clock, timeout=5)
    record = records.new(clock)
    await store.save(record, over=None)
    other = await asyncpg.connect(server.url)
    await other.execute("begin; lock table broken.session")
    writes = [
        asyncio.create_task(store.save(records.newer(record), over=record)),
        asyncio.create_task(store.touch(records.new(clock))),
    ]
    pid = await waits_for_a_lock(other)
    if how == "terminated":
        await other.execute(f"select pg_terminate_backend({pid})")
        await other.close()
    else:
        server.stop(signal.SIGQUIT)  # while the lock is held
        server.start()
        other.terminate()
    for write in writes:
        with pytest.raises(OutcomeUnknown):
            await write
    assert await store.load(record.key, record.app) in (record, records.newer(record))
    await store.close()


async def test_a_server_that_hangs_is_given_up_after_the_time_limit(server: PostgresServer, clock: FakeClock) -> None:
    store = await opened(server, clock)
    record = records.new(clock)
    await store.save(record, over=None)
    watch = store.watch()
    assert isinstance(await anext(watch), Beat)
    server.pause()
    began = time.monotonic()
    questions = [
        store.load(record.key, "shop"),
        store.save(records.newer(record), over=record),
        store.find(Query(principal="nobody")),
        end_of(watch),
    ]
    answers = await asyncio.gather(*questions, return_exceptions=True)
    assert [type(answer) for answer in answers] == [
        StoreUnavailable,
        OutcomeUnknown,
        StoreUnavailable,
        StoreUnavailable,
    ]
    with pytest.raises(StoreUnavailable) as caught:
        await store.load(record.key, "shop")  # there is no connection to be had either
    assert not isinstance(caught.value, OutcomeUnknown)
    assert time.monotonic() - began < 5 * LIMIT
    server.resume()
    assert await store.load(record.key, "shop") in (record, records.newer(record))
    await store.close()


async def test_a_store_whose_server_hangs_can_be_closed(server: PostgresServer, clock: FakeClock) -> None:
    store = await opened(server, clock)
    await store.save(records.new(clock), over=None)
    server.pause()
    async with asyncio.timeout(10):
        await store.close()
    server.resume()


async def test_a_row_that_somebody_holds_delays_nobody_else_for_long(server: PostgresServer, clock: FakeClock) -> None:
    store = await opened(server, clock)
    held, *free = (records.new(clock) for _ in range(20))
    await asyncio.gather(*(store.save(record, over=None) for record in (held, *free)))
    other = await asyncpg.connect(server.url)
    await other.execute("begin")
    await other.execute("select from broken.session where key = $1 for update", held.key)
    saves = [store.save(records.newer(record), over=record) for record in (held, *free)]
    answers = await asyncio.gather(*saves, return_exceptions=True)
    assert isinstance(answers[0], StoreBusy)
    assert answers[1:] == [None] * len(free)
    await other.execute("rollback")
    await store.save(records.newer(held), over=held)  # so it was not written before
    await other.close()
    await store.close()


async def test_while_nobody_can_commit_a_batch_is_given_up_as_a_whole(clock: FakeClock) -> None:
    with running("synchronous_standby_names=absent") as server:
        store = open_store(f"{server.url}?timeout=2&synchronous_commit=local", clock=clock)
        assert isinstance(store, PostgresStore)
        first = records.new(clock)
        await store.save(first, over=None)
        other, stuck = await asyncpg.connect(server.url), await asyncpg.connect(server.url)
        # It waits for its standby. Whoever notifies commits one after another, so everybody waits for it.
        stays = asyncio.create_task(stuck.execute("begin; create table anything (); notify anything; commit"))
        await asyncio.wait_for(until_held(other), 20)
        before = store._desk().writing.trips
        made = [records.new(clock) for _ in range(20)]
        answers = await asyncio.gather(*(store.save(record, over=None) for record in made), return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreBusy}
        assert store._desk().writing.trips == before + 1
        await other.fetchval("select pg_cancel_backend($1)", stuck.get_server_pid())
        await stays
        assert await asyncio.gather(*(store.load(record.key, "shop") for record in made)) == [None] * 20
        await store.save(records.newer(first), over=first)
        await other.close()
        await stuck.close()
        await store.close()


async def until_held(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    held = "select count(*) from pg_locks where locktype = 'object' and mode = 'AccessExclusiveLock' and granted"
    while not await connection.fetchval(held):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.005)


async def test_a_watch_ends_with_its_connection_and_another_one_goes_on(
    server: PostgresServer, clock: FakeClock
) -> None:
    store = await opened(server, clock)
    watch = store.watch()
    assert isinstance(await anext(watch), Beat)
    server.stop()
    with pytest.raises(StoreUnavailable):
        await end_of(watch)
    with pytest.raises(StoreUnavailable):
        await anext(store.watch())
    server.start()
    again = store.watch()
    assert isinstance(await anext(again), Beat)
    record = records.new(clock)
    await store.save(record, over=None)
    async with asyncio.timeout(5):
        while isinstance(news := await anext(again), Beat):
            pass
    assert (news.key, news.number) == (record.key, 1)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await end_of(again)


async def end_of(watch: AsyncIterator[Any]) -> None:
    async with asyncio.timeout(20):
        async for _ in watch:
            pass
