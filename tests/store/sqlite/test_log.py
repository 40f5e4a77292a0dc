"""The log of a SQLite file is carried over beside the writes, and does not grow for ever."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sojourn.store.base import SWEEP_DELAY, Query
from sojourn.store.sqlite import SqliteStore, log
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

Make = Callable[..., SqliteStore]


class Gate:
    """Where whatever is carried over waits."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()


def times_begun(path: Path) -> int:
    """How often the log has begun anew, as its head tells (https://sqlite.org/fileformat.html#walformat)."""
    with open(f"{path}-wal", "rb") as file:  # noqa: PTH123
        head = file.read(16)
    return int.from_bytes(head[12:16]) if len(head) == 16 else 0


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()

    class Gated(log.Log):
        def _carry_over(self) -> None:
            gate.reached.set()
            assert gate.opened.wait(10)
            super()._carry_over()

    monkeypatch.setattr("sojourn.store.sqlite.store.Log", Gated)
    return gate


async def test_no_write_waits_while_the_log_is_carried_over(make: Make, clock: FakeClock, gate: Gate) -> None:
    store = make()
    await store.save(records.new(clock), over=None)
    assert await asyncio.to_thread(gate.reached.wait, 10)
    for _ in range(20):
        record = records.new(clock)
        await store.save(record, over=None)
        assert await store.load(record.key, record.app) == record
    gate.opened.set()


async def test_a_sweep_waits_while_a_log_that_has_become_long_is_carried_over_and_a_request_does_not(
    make: Make, clock: FakeClock, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SLOW", 0.0)
    store = make()
    old = records.new(clock)
    await store.save(old, over=None)
    clock.now = old.expires_at + SWEEP_DELAY
    assert await asyncio.to_thread(gate.reached.wait, 10)
    sweep = asyncio.create_task(store.discard(limit=10))
    await store.save(records.new(clock), over=None)
    assert not sweep.done()
    gate.opened.set()
    assert await sweep == 1


async def test_what_is_used_while_a_sweep_waits_is_not_swept(
    make: Make, clock: FakeClock, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SLOW", 0.0)
    store = make()
    used, left = records.new(clock), records.new(clock)
    await asyncio.gather(store.save(used, over=None), store.save(left, over=None))
    clock.now = used.expires_at + SWEEP_DELAY
    assert await asyncio.to_thread(gate.reached.wait, 10)
    sweep = asyncio.create_task(store.discard(limit=10))
    assert await store.touch(records.used(used, clock))
    gate.opened.set()
    assert await sweep == 1
    assert [each.ref for each in await store.find(Query())] == [used.ref]


async def test_a_log_that_has_become_long_begins_anew_also_under_writes_without_a_pause(
    make: Make, path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PACE", 0.0)
    monkeypatch.setattr(log, "LONG", 100)
    store = make()
    await store.open()
    deadline = time.monotonic() + 20
    while times_begun(path) < 3:
        assert time.monotonic() < deadline
        await store.save(records.new(clock, data=b"x" * 4000), over=None)


async def test_without_another_thread_the_log_goes_on(
    make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make()
    await store.open()

    class Refused(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading, "Thread", Refused)
        for _ in range(3):
            await store.save(records.new(clock), over=None)
    assert len(await store.find(Query())) == 3


async def test_a_file_that_was_taken_away_is_not_made_again_to_carry_over(
    make: Make, path: Path, clock: FakeClock, gate: Gate
) -> None:
    store = make()
    await store.save(records.new(clock), over=None)
    assert await asyncio.to_thread(gate.reached.wait, 10)
    for each in ("", "-wal", "-shm"):
        os.unlink(f"{path}{each}")  # noqa: PTH108
    gate.opened.set()
    await asyncio.to_thread(store._writer._log.rest)
    assert not path.exists()  # noqa: ASYNC240
