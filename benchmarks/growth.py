"""What becomes of a SQLite store with a million sessions: loads, and a sweep of a hundred thousand."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sojourn.core.ids import SessionId, new_ref
from sojourn.core.record import Record
from sojourn.inbound.sweeping import BATCH, LEASE
from sojourn.store.sqlite import SqliteStore
from sojourn.store.sqlite.statements import create
from sojourn.testing import FakeClock

__all__ = ["growth"]

LOADS = 20_000


def growth(directory: Path, total: int, expired: int) -> dict[str, float]:
    """Fill a store with `total` sessions of 500 bytes, `expired` of them past their time; measure, in seconds."""
    return asyncio.run(_growth(directory / "growth.db", total, expired))


async def _growth(path: Path, total: int, expired: int) -> dict[str, float]:
    clock = FakeClock()
    store = SqliteStore(path, clock=clock)
    await store.open()
    keys = await asyncio.to_thread(_fill, path, total, expired, clock())
    loads = await _loads(store, keys)
    waits, sweeping = [], asyncio.create_task(_sweep(store))
    while not sweeping.done():
        began = time.perf_counter()
        await store.load(random.choice(keys), "bench")
        await asyncio.sleep(0.001)
        waits.append(time.perf_counter() - began)
    seconds, swept = await sweeping
    await store.close()
    loads.sort()
    return {
        "sessions": total,
        "load p50": loads[len(loads) // 2],
        "load p99": loads[len(loads) * 99 // 100],
        "swept": swept,
        "sweep": seconds,
        "longest wait of a request meanwhile": max(waits),
        "megabytes": os.path.getsize(path) / 1e6,  # noqa: ASYNC240, PTH202 - nobody else runs in this loop
    }


def _fill(path: Path, total: int, expired: int, now: float) -> list[str]:
    keys = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = off")
        for start in range(0, total, 10_000):
            connection.execute("begin")
            for number in range(start, min(start + 10_000, total)):
                record = _record(number, now - 7200 if number < expired else now + 1800)
                create(connection, record, now - 10_000)
                keys.append(record.key)
            connection.execute("commit")
    return keys[expired:]


def _record(number: int, expires_at: float) -> Record:
    times = dict.fromkeys(("created_at", "accessed_at", "renewed_at"), expires_at - 1800)
    return Record(
        key=SessionId.new().key,
        app="bench",
        ref=new_ref(),
        principal=f"user-{number}" if number % 2 else None,
        epoch=0,
        version=1,
        **times,
        expires_at=expires_at,
        absolute_at=float("inf"),
        node="bench",
        data=b"x" * 500,
    )


async def _loads(store: SqliteStore, keys: list[str]) -> list[float]:
    took = []
    for key in random.choices(keys, k=LOADS):
        began = time.perf_counter()
        await store.load(key, "bench")
        took.append(time.perf_counter() - began)
    return took


async def _sweep(store: SqliteStore) -> tuple[float, int]:
    began, swept = time.perf_counter(), 0
    while claimed := await store.claim(limit=BATCH, lease=LEASE):
        await store.forget(claimed)
        swept += len(claimed)
    return time.perf_counter() - began, swept
