"""The clock of the server: carried on without this machine's, and corrected when it is wrong."""

from __future__ import annotations

import time

import pytest

from sojourn.store import open_store
from sojourn.store.base import Beat
from sojourn.store.postgres import PostgresStore
from sojourn.store.postgres.server_clock import ServerClock
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock(100.0)
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def test_what_was_measured_is_carried_on(monotonic: FakeClock) -> None:
    clock = ServerClock()
    clock.measured(5000.0, asked_at=99.0, answered_at=101.0)
    assert clock.now() == 5000.0
    monotonic.advance(seconds=7)
    assert clock.now() == 5007.0


def test_a_slow_answer_makes_a_good_clock_no_worse(monotonic: FakeClock) -> None:
    clock = ServerClock()
    clock.measured(5000.0, asked_at=100.0, answered_at=100.0)
    clock.measured(5000.25, asked_at=100.0, answered_at=130.0)
    assert clock.now() == 5000.0


def test_a_server_whose_clock_was_set_is_followed(monotonic: FakeClock) -> None:
    clock = ServerClock()
    clock.measured(5000.0, asked_at=100.0, answered_at=100.0)
    clock.measured(4000.0, asked_at=99.5, answered_at=100.5)
    assert clock.now() == 4000.0


async def test_a_node_whose_clock_is_wrong_is_right_by_the_server(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = time.time()
    store = open_store(postgres_url)
    assert isinstance(store, PostgresStore)
    await store.open()
    monkeypatch.setattr(time, "time", lambda: right + 3600)
    assert abs(store.now() - right) < 60
    record = records.new(store.now, expires_at=store.now() + 60)
    await store.save(record, over=None)
    assert await store.load(record.key, record.app) == record  # by this machine's clock it would have expired
    await store.close()


async def test_a_watch_keeps_the_clock_right(postgres_url: str) -> None:
    store = open_store(postgres_url)
    assert isinstance(store, PostgresStore)
    watch = store.watch()
    assert isinstance(await anext(watch), Beat)
    store._server_clock.measured(0.0, asked_at=0.0, answered_at=0.0)  # as if the server had been wrong until now
    while store.now() < 1e9:
        await anext(watch)
    await store.close()


async def test_a_clock_that_is_given_is_the_truth(postgres_url: str) -> None:
    clock = FakeClock(17.0)
    store = open_store(postgres_url, clock=clock)
    assert isinstance(store, PostgresStore)
    await store.open()
    assert store.now() == 17.0
    await store.close()
