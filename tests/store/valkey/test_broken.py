"""What breaks between the store and its server, and what is known of a write then."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from tests.fixtures.valkeys import ValkeyServer, free_port, running
from tests.store.valkey.relay import Relay, relayed

from sojourn.errors import OutcomeUnknown, StoreUnavailable
from sojourn.store.base import BEAT, Beat, Change
from sojourn.store.valkey import ValkeyStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

PATIENCE = 10


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@contextlib.asynccontextmanager
async def through_a_relay(
    server: ValkeyServer, prefix: str, clock: FakeClock
) -> AsyncIterator[tuple[ValkeyStore, Relay]]:
    async with relayed(server.port) as relay:
        store = ValkeyStore(f"valkey://127.0.0.1:{relay.port}?prefix={prefix}&timeout=0.5", clock=clock)
        try:
            yield store, relay
        finally:
            await store.close()


async def until_it_ends(watch: AsyncIterator[Change | Beat]) -> None:
    async with asyncio.timeout(PATIENCE):
        async for _ in watch:
            pass


async def test_a_write_whose_answer_was_lost_may_have_happened(
    valkey_server: ValkeyServer, valkey_prefix: str, clock: FakeClock
) -> None:
    async with through_a_relay(valkey_server, valkey_prefix, clock) as (store, relay):
        record = records.new(clock)
        await store.save(record, over=None)
        second = records.newer(record)
        await store.save(second, over=record)
        relay.deaf = True
        with pytest.raises(OutcomeUnknown, match="it wrote, or it did not") as caught:
            await store.save(records.newer(second), over=second)
        assert record.key not in str(caught.value)
        relay.deaf = False
        assert await store.load(record.key, record.app) == records.newer(second)


async def test_a_read_whose_answer_was_lost_has_no_outcome(
    valkey_server: ValkeyServer, valkey_prefix: str, clock: FakeClock
) -> None:
    async with through_a_relay(valkey_server, valkey_prefix, clock) as (store, relay):
        await store.open()
        relay.deaf = True
        with pytest.raises(StoreUnavailable) as caught:
            await store.load("key", "shop")
        assert type(caught.value) is StoreUnavailable


async def test_a_connection_that_was_closed_meanwhile_costs_nobody_an_answer(
    valkey_server: ValkeyServer, valkey_prefix: str, clock: FakeClock
) -> None:
    async with through_a_relay(valkey_server, valkey_prefix, clock) as (store, relay):
        record = records.new(clock)
        await store.save(record, over=None)
        relay.cut()
        await asyncio.sleep(0.05)  # the news has to come through the loopback
        await store.save(records.newer(record), over=record)
        assert await store.load(record.key, record.app) == records.newer(record)


async def test_a_server_that_was_started_anew_is_taught_its_scripts_again(clock: FakeClock) -> None:
    with running() as server:
        store = ValkeyStore(server.url, clock=clock)
        first = records.new(clock)
        await store.save(first, over=None)
        server.stop()
        with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
            await store.save(records.newer(first), over=first)
        assert not isinstance(caught.value, OutcomeUnknown)
        server.start()
        assert await store.load(first.key, first.app) is None
        second = records.new(clock)
        await store.save(second, over=None)
        await store.save(records.newer(second), over=second)
        assert await store.touch(records.newer(second))
        server.client().script_flush()
        assert await store.delete(second.key, second.app)
        await store.close()


async def test_a_server_that_stands_still_holds_nobody_up(clock: FakeClock) -> None:
    with running() as server:
        store = ValkeyStore(f"{server.url}?timeout=0.3&connect_timeout=0.3", clock=clock)
        record = records.new(clock)
        await store.save(record, over=None)
        server.pause()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(OutcomeUnknown, match=r"within 0\.3 s"):
                await store.save(records.newer(record), over=record)
            with pytest.raises(StoreUnavailable):
                await store.load(record.key, record.app)
        server.resume()
        assert await store.load(record.key, record.app) in (record, records.newer(record))
        await store.close()


async def test_a_server_that_is_not_there_is_told_without_delay(clock: FakeClock) -> None:
    port = free_port()
    store = ValkeyStore(f"valkey://:pass-word@127.0.0.1:{port}", clock=clock)
    for ask in (store.open(), store.load("key", "shop"), store.save(records.new(clock), over=None)):
        with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port} cannot be reached") as caught:
            await ask
        assert not isinstance(caught.value, OutcomeUnknown)
        assert "pass-word" not in str(caught.value)
    await store.close()


async def test_who_stops_waiting_takes_nobody_with_them(valkey_url: str, clock: FakeClock) -> None:
    store = ValkeyStore(valkey_url, clock=clock)
    await store.open()
    made = [records.new(clock) for _ in range(20)]
    tasks = [asyncio.create_task(store.save(record, over=None)) for record in made]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[1::2] == [None] * 10
    for record, answer in zip(made, answers, strict=True):
        assert await store.load(record.key, record.app) == (record if answer is None else None)
    await store.close()


async def test_a_watch_ends_when_its_connection_breaks_and_another_can_begin(
    valkey_server: ValkeyServer, valkey_prefix: str, clock: FakeClock
) -> None:
    async with through_a_relay(valkey_server, valkey_prefix, clock) as (store, relay):
        watch = store.watch()
        assert isinstance(await anext(watch), Beat)
        relay.cut()
        with pytest.raises(StoreUnavailable, match="connection broke"):
            await until_it_ends(watch)
        again = store.watch()
        assert isinstance(await anext(again), Beat)
        record = records.new(clock)
        await store.save(record, over=None)
        async with asyncio.timeout(PATIENCE):
            while isinstance(news := await anext(again), Beat):
                pass
        assert news == Change(number=1, key=record.key, app="shop", version=1, node="n1", ended=False)
        await again.aclose()


async def test_a_beat_whose_answer_was_slow_counts_from_when_it_was_asked(clock: FakeClock) -> None:
    with running() as server:
        store = ValkeyStore(server.url, clock=clock)
        watch = store.watch()
        await anext(watch)
        server.pause()
        await asyncio.sleep(BEAT)  # the next one is asked for meanwhile
        resumed_at = time.monotonic()
        server.resume()
        assert isinstance(beat := await anext(watch), Beat)
        assert beat.asked_at < resumed_at
        await watch.aclose()
        await store.close()


async def test_a_watch_of_a_server_that_stands_still_ends(clock: FakeClock) -> None:
    with running() as server:
        store = ValkeyStore(f"{server.url}?timeout=0.5", clock=clock)
        watch = store.watch()
        await anext(watch)
        server.pause()
        with pytest.raises(StoreUnavailable, match="sign of life"):
            await until_it_ends(watch)
        server.resume()
        await store.close()
