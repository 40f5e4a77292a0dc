"""An event loop for each request: what a store on another machine has opened for one is closed with it."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable
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
