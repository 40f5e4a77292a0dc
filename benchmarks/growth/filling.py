"""Filling a store: each session through `save`, many at once, as a busy fleet would."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from benchmarks.growth.progress import say
from sojourn.core.ids import SessionId, new_ref
from sojourn.core.record import Record
from sojourn.store.base import SWEEP_DELAY, Store

__all__ = ["APP", "SHORT", "Known", "fill"]

APP = "bench"
WRITERS = 400  # twice what goes to a store together
SAMPLE = 20_000  # records that are remembered, to be asked for
SHORT = 60.0  # seconds that a tenth of the sessions live
LONG = 86_400.0  # seconds that the others live
OLD = SHORT + SWEEP_DELAY + 1  # seconds after which that tenth can be swept


class Known(NamedTuple):
    """What is known of the sessions that were stored."""

    living: list[Record]
    """Some of those that do not expire soon."""
    expiring: int
    """How many do."""
    seconds: float
    """That it took to store all."""


async def fill(store: Store, total: int, now: float) -> Known:
    """Store `total` sessions of 500 bytes at `now`. The first tenth expires soon.

    Every second one is signed in, and a principal has five.
    """
    began = time.perf_counter()
    expiring, every = total // 10, max(1, total * 9 // 10 // SAMPLE)
    living: list[Record] = []
    records = (_record(number, now, SHORT if number < expiring else LONG) for number in range(total))

    async def save(numbered: Iterator[tuple[int, Record]]) -> None:
        for number, record in numbered:
            await store.save(record, over=None)
            if number >= expiring and number % every == 0:
                # Without its data, or the memory of a store in this process would be measured too small.
                living.append(msgspec.structs.replace(record, data=b""))
            if number % 50_000 == 0:
                say(f"{number:,} of {total:,} stored")

    numbered = enumerate(records)
    await asyncio.gather(*(save(numbered) for _ in range(WRITERS)))
    return Known(living, expiring, time.perf_counter() - began)


def _record(number: int, now: float, lives: float) -> Record:
    return Record(
        key=SessionId.new().key,
        app=APP,
        ref=new_ref(),
        principal=f"user-{number // 10}" if number % 2 else None,
        epoch=0,
        version=1,
        created_at=now,
        accessed_at=now,
        renewed_at=now,
        expires_at=now + lives,
        absolute_at=float("inf"),
        node="bench",
        data=os.urandom(500),
    )
