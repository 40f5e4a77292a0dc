"""Builds that are broken on purpose, so that the checker can show that it sees it. The product has no such switches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone
from sojourn.inbound.keeping.commits import Commits
from sojourn.store.near.copies import Copies
from sojourn.store.near.watch import Pulse

Driver = Any  # the class of a store; any of them


def without_versions(driver: Driver) -> None:
    """A copy is served to those who have seen a newer one."""
    Copies.new_enough = staticmethod(lambda record, version: True)  # type: ignore[method-assign]


def without_watch(driver: Driver) -> None:
    """What changes elsewhere is not heard of."""
    Copies.heard = lambda self, change: None  # type: ignore[method-assign]


def without_heartbeat(driver: Driver) -> None:
    """A watch that has fallen silent is taken for one to which nothing has to be told."""
    begin = Pulse.__init__

    def patient(self: Pulse, silence: float, monotonic: Clock) -> None:
        begin(self, 3600.0, monotonic)

    Pulse.__init__ = patient  # type: ignore[method-assign]


def without_compare_and_swap(driver: Driver) -> None:
    """A save writes over whatever is stored."""
    save = driver.save

    async def overwrite(self: Any, record: Record, *, over: Record | None) -> None:
        while True:
            try:
                await save(self, record, over=over)
            except Conflict:
                stored = await self.load(record.key if over is None else over.key, record.app)
                if stored is None:
                    raise Gone from None
                over = stored
                record = msgspec.structs.replace(record, version=max(record.version, stored.version + 1))
            else:
                return

    driver.save = overwrite


def without_merge(driver: Driver) -> None:
    """Of two requests that change different attributes, the later one wins all."""
    newer = Commits._newer

    def mine_alone(self: Commits, use: Any, found: Record | None, stored: Record | None) -> Record:
        theirs = newer(self, use, found, stored)
        return theirs if found is None else msgspec.structs.replace(theirs, data=found.data)

    Commits._newer = mine_alone  # type: ignore[method-assign]


def without_claims(driver: Driver) -> None:
    """What one node is announcing, others announce as well."""
    end, claim = driver.end, driver.claim

    async def end_for_all(self: Any, *args: Any, lease: float, **rest: Any) -> Any:
        return await end(self, *args, lease=0.0, **rest)

    async def claim_for_all(self: Any, *, limit: int, lease: float) -> Any:
        return await claim(self, limit=limit, lease=0.0)

    driver.end, driver.claim = end_for_all, claim_for_all


def without_a_shared_clock(driver: Driver) -> None:
    """Each node goes by its own clock."""
    driver.now = lambda self: time.time()


BUILDS: dict[str, Callable[[Driver], None]] = {
    "version check": without_versions,
    "compare-and-swap": without_compare_and_swap,
    "watch": without_watch,
    "heartbeat": without_heartbeat,
    "merge": without_merge,
    "claim": without_claims,
    "clock": without_a_shared_clock,
}
