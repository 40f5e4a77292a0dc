"""An event loop for each request: what a store on another machine has opened for one is closed with it."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvloop

from sojourn.store import Store, open_store
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


@pytest.fixture(params=["postgres", "valkey"])
def store(request: pytest.FixtureRequest, clock: FakeClock) -> Store:
    return open_store(request.getfixturevalue(f"{request.param}_url"), clock=clock)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_event_loops_that_end_at_the_same_time_close_what_is_theirs(store: Any, run: Callable[[Any], Any]) -> None:
    together = threading.Barrier(4, timeout=10)

    async def use() -> None:
        await store.open()
        await asyncio.to_thread(together.wait)
        await store.close()

    with warnings.catch_warnings(record=True) as warned, ThreadPoolExecutor(4) as threads:
        warnings.simplefilter("always")
        for _ in range(10):
            for ended in [threads.submit(lambda: run(use())) for _ in range(4)]:
                ended.result(10)
        gc.collect()
    assert [str(each.message) for each in warned] == []


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_connections_are_closed_with_the_event_loop_that_has_opened_them(
    store: Any, clock: FakeClock, run: Callable[[Any], Any]
) -> None:
    record = records.new(clock)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        run(store.save(record, over=None))
        for _ in range(3):
            assert run(store.load(record.key, record.app)) == record
        run(store.close())
        gc.collect()
    assert [str(each.message) for each in warned] == []
