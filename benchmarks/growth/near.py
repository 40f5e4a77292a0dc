"""What a session takes in a near cache."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from pathlib import Path

from benchmarks.growth.filling import APP, fill
from sojourn.store.near import Near, NearStore
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock

__all__ = ["SESSIONS", "near"]

SESSIONS = 10_000


async def near(directory: Path) -> float:
    """Bytes a session, of `SESSIONS` with 500 bytes in each, as tracemalloc counts them."""
    clock = FakeClock()
    inner = SqliteStore(directory / "near.db", clock=clock)
    known = await fill(inner, 2 * SESSIONS, clock())
    keys = [one.key for one in known.living[:SESSIONS]]
    store = NearStore(inner, Near(entries=SESSIONS), node="bench", clock=clock)
    while not store.healthy:
        await store.fetch(known.living[-1].key, APP, 0)
        await asyncio.sleep(0.05)
    gc.collect()
    tracemalloc.start()
    for key in keys:
        await store.fetch(key, APP, 0)
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert store.entries == SESSIONS, store.entries
    await store.close()
    return taken / SESSIONS
