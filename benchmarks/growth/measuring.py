"""Measuring one store of one size, in a process of its own: it says what it saw as JSON."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import gc
import os
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import msgspec

from benchmarks.growth.filling import APP, OLD, Known, fill
from benchmarks.growth.progress import say
from benchmarks.growth.sizes import size
from sojourn.core.events import Listeners
from sojourn.core.record import Record
from sojourn.inbound.ending.endings import Endings
from sojourn.inbound.ending.sweeping import Sweep, Sweeper
from sojourn.store.base import Lists, Opens, Query, Store, Sweeps, power
from sojourn.store.url import open_store
from sojourn.testing import FakeClock

__all__ = ["Figures"]

LOADS = 10_000
SAVES = 5_000
PAGES = 20
PAGE = 100  # sessions
SETTLES = 1.0  # seconds after which a store has put in order what was written last
PAUSE = 0.001  # seconds between two requests during a sweep


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen. Times in seconds."""

    store: str
    sessions: int
    date: str
    load_average: float
    """Of the machine, when it was filled: above 1 others were at work, too."""
    fill: float
    load_p50: float
    load_p99: float
    save_p50: float
    save_p99: float
    first_page: float
    middle_page: float
    principal_page: float
    swept: int
    sweep: float
    load_wait: float
    """The longest wait for a load during the sweep, that of the event loop included."""
    save_wait: float
    bytes: float
    """That a session takes in the store."""


async def measure(name: str, address: str, total: int) -> Figures:
    """Fill the store at `address`, and measure it."""
    clock = FakeClock()
    store = open_store(address, clock=clock)
    opens = power(store, Opens)
    if opens is not None:
        await opens.open()
    empty = await size(name, address)
    known = await fill(store, total, clock())
    load_average = os.getloadavg()[0]
    await asyncio.sleep(SETTLES)
    grown = await size(name, address) - empty
    gc.freeze()  # what is stored is no concern of the collector: a pause of it is not the store's
    loads = await _loads(store, known)
    saves = await _saves(store, known)
    pages = await _pages(store, known, total)
    clock.advance(seconds=OLD)
    swept, sweep, load_wait, save_wait = await _sweep(store, known, clock)
    if opens is not None:
        await opens.close()
    return Figures(
        store=name,
        sessions=total,
        date=str(dt.datetime.now(dt.UTC).date()),
        load_average=load_average,
        fill=known.seconds,
        load_p50=statistics.median(loads),
        load_p99=_p99(loads),
        save_p50=statistics.median(saves),
        save_p99=_p99(saves),
        first_page=pages[0],
        middle_page=pages[1],
        principal_page=pages[2],
        swept=swept,
        sweep=sweep,
        load_wait=load_wait,
        save_wait=save_wait,
        bytes=grown / total,
    )


async def _loads(store: Store, known: Known) -> list[float]:
    say("loads")
    return [await _timed(partial(store.load, one.key, APP)) for one in random.choices(known.living, k=LOADS)]


async def _saves(store: Store, known: Known) -> list[float]:
    say("saves")
    return [await _save(store, one) for one in random.sample(known.living, min(SAVES, len(known.living)))]


async def _save(store: Store, one: Record) -> float:
    """The seconds that a changed session takes to be saved; it was loaded before."""
    stored = await store.load(one.key, APP)
    assert stored is not None
    changed = msgspec.structs.replace(stored, version=stored.version + 1, data=os.urandom(500))
    return await _timed(partial(store.save, changed, over=stored))


async def _pages(store: Store, known: Known, total: int) -> list[float]:
    """The first page, one in the middle, and one of a principal."""
    say("pages")
    lists = cast("Lists", power(store, Lists))
    middle = sorted(one.ref for one in known.living)[len(known.living) // 2]
    principals = (f"user-{number}" for number in random.sample(range(total // 100 + 1, total // 10), PAGES))
    everyone = Query(app=APP)
    wanted = (
        [(everyone, "")] * PAGES,
        [(everyone, middle)] * PAGES,
        [(Query(app=APP, principal=each), "") for each in principals],
    )
    return [
        statistics.median(
            [await _timed(partial(lists.find, query, limit=PAGE, after=after)) for query, after in questions]
        )
        for questions in wanted
    ]


async def _sweep(store: Store, known: Known, clock: FakeClock) -> tuple[int, float, float, float]:
    """How many were swept, in how many seconds, and the longest waits of visitors meanwhile."""
    say("sweep")
    sweeper = Sweeper(cast("Sweeps", power(store, Sweeps)), Endings(store, Listeners()), Sweep(), clock)

    async def load(one: Record) -> None:
        assert await store.load(one.key, APP) is not None

    async def save(one: Record) -> None:
        await _save(store, one)

    swept_all = asyncio.Event()
    visiting = [asyncio.create_task(_visit(act, known.living, swept_all)) for act in (load, save)]
    await asyncio.sleep(0.1)
    began = time.perf_counter()
    swept = await sweeper.sweep()
    seconds = time.perf_counter() - began
    swept_all.set()
    load_wait, save_wait = [await task for task in visiting]
    assert swept == known.expiring, (swept, known.expiring)
    return swept, seconds, load_wait, save_wait


async def _visit(act: Callable[[Record], Awaitable[None]], living: Sequence[Record], until: asyncio.Event) -> float:
    """Act until then; the longest that a visitor waited, also for the event loop."""
    longest = 0.0
    while not until.is_set():
        due = time.perf_counter() + PAUSE
        await asyncio.sleep(PAUSE)
        await act(random.choice(living))
        longest = max(longest, time.perf_counter() - due)
    return longest


async def _timed(act: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def main() -> int:
    """Measure, and write the figures to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store")
    parser.add_argument("address")
    parser.add_argument("sessions", type=int)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    figures = asyncio.run(measure(options.store, options.address, options.sessions))
    options.file.write_bytes(msgspec.json.encode(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
