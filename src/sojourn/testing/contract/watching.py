"""Watches: every change is told, in order, to whoever watches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone
from sojourn.store.base import SWEEP_DELAY, Change, Store, Sweeps, Watches
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["WatchingContract"]

PATIENCE = 10  # seconds of real time until a change that was not told counts as missed


class Watch:
    """A watch that is known to be on."""

    def __init__(self, changes: AsyncIterator[Change], last: int) -> None:
        """`last`: the number of the newest change that was told."""
        self._changes = changes
        self._last = last

    async def next(self, count: int) -> list[tuple[str, int, bool]]:
        """What the next changes say, whose numbers go on without a gap."""
        told = []
        async with asyncio.timeout(PATIENCE):
            for _ in range(count):
                change = await anext(self._changes)
                assert change.number == self._last + 1
                self._last = change.number
                told.append((change.key, change.version, change.ended))
        return told


@contextlib.asynccontextmanager
async def watching(store: Store, watches: Watches, clock: FakeClock) -> AsyncIterator[Watch]:
    """A watch that is known to be on: it has told a change."""
    changes = watches.watch()
    first = asyncio.ensure_future(anext(changes))
    marker = records.new(clock)
    await store.save(marker, over=None)
    async with asyncio.timeout(PATIENCE):
        while not (await asyncio.wait([first], timeout=0.05))[0]:
            newer = records.newer(marker)
            await store.save(newer, over=marker)
            marker = newer
        change = await first
        while change.version < marker.version:
            change = await anext(changes)
    try:
        yield Watch(changes, change.number)
    finally:
        if isinstance(changes, AsyncGenerator):
            await changes.aclose()


def saved(record: Record) -> tuple[str, int, bool]:
    return (record.key, record.version, False)


def ended(record: Record, version: int | None = None) -> tuple[str, int, bool]:
    return (record.key, version or record.version, True)


class WatchingContract(Ground):
    """The promises of `Watches`."""

    async def test_saves_and_ends_are_told_in_order(self, store: Store, watches: Watches, clock: FakeClock) -> None:
        first = records.new(clock)
        second = records.newer(first)
        async with watching(store, watches, clock) as watch:
            await store.save(first, over=None)
            await store.save(second, over=first)
            await store.delete(first.key, first.app)
            assert await watch.next(3) == [saved(first), saved(second), ended(second)]

    @pytest.mark.parametrize("change", [records.renewed, records.signed_in])
    async def test_a_move_tells_that_the_old_key_is_not_valid_any_more(
        self, store: Store, watches: Watches, clock: FakeClock, change: Callable[..., Record]
    ) -> None:
        old = records.new(clock)
        async with watching(store, watches, clock) as watch:
            await store.save(old, over=None)
            clock.advance(seconds=1)
            new = change(old, clock)
            await store.save(new, over=old)
            assert await watch.next(3) == [saved(old), ended(old, new.version), saved(new)]

    async def test_what_changes_no_record_is_not_told(self, store: Store, watches: Watches, clock: FakeClock) -> None:
        first = records.new(clock)
        async with watching(store, watches, clock) as watch:
            await store.save(first, over=None)
            clock.advance(seconds=1)
            await store.touch(records.used(first, clock))
            await store.load(first.key, first.app)
            for late in (records.newer(first), records.renewed(first, clock)):
                with pytest.raises(Conflict):
                    await store.save(late, over=records.newer(first))
            with pytest.raises(Conflict):
                await store.save(first, over=None)
            never = records.new(clock)
            with pytest.raises(Gone):
                await store.save(records.newer(never), over=never)
            await store.delete(never.key, never.app)
            second = records.newer(first)
            await store.save(second, over=first)
            assert await watch.next(2) == [saved(first), saved(second)]

    async def test_what_is_swept_is_told_when_it_is_forgotten(
        self, store: Store, watches: Watches, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        async with watching(store, watches, clock) as watch:
            await store.save(record, over=None)
            clock.now = record.expires_at + SWEEP_DELAY
            claimed = await sweeps.claim(limit=10, lease=30)
            await sweeps.forget([each for each in claimed if each == record])
            await sweeps.forget(claimed[:0])
            assert await watch.next(2) == [saved(record), ended(record)]

    async def test_a_change_names_application_and_node(self, store: Store, watches: Watches, clock: FakeClock) -> None:
        changes = watches.watch()
        first = asyncio.ensure_future(anext(changes))
        async with asyncio.timeout(PATIENCE):
            while not first.done():
                await store.save(records.new(clock, app="blog", node="n5"), over=None)
                await asyncio.wait([first], timeout=0.05)
        assert ((await first).app, (await first).node) == ("blog", "n5")

    async def test_all_who_watch_are_told_the_same(self, store: Store, watches: Watches, clock: FakeClock) -> None:
        made = [records.new(clock) for _ in range(50)]
        async with watching(store, watches, clock) as one, watching(store, watches, clock) as other:
            noise = asyncio.gather(*(store.save(record, over=None) for record in made))
            await noise
            seen: list[tuple[str, int, bool]] = []
            while len(seen) < len(made):
                seen += [change for change in await one.next(1) if change in map(saved, made)]
            assert await other.next(len(made)) == seen
