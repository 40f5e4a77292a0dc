"""Watches: every change is told, in order, to whoever watches."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone
from sojourn.store.base import BEAT, SWEEP_DELAY, Admits, Beat, Change, Store, Sweeps, Watches
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["WatchingContract"]

SLACK = 2.0  # seconds of real time that a busy machine may take longer
PATIENCE = 10  # seconds of real time until a change that was not told counts as missed


class Watch:
    """A watch that is on."""

    def __init__(self, news: AsyncIterator[Change | Beat], first: Beat) -> None:
        """`first`: the sign of life with which it was on."""
        self.asked_at = first.asked_at
        self._news = news
        self._last = first.number

    async def change(self) -> Change:
        """The next change, whose number goes on without a gap."""
        async with asyncio.timeout(PATIENCE):
            async for news in self._news:
                if isinstance(news, Change):
                    assert news.number == self._last + 1
                    self._last = news.number
                    return news
                assert news.number <= self._last, "a beat tells of a change that was not told"
        raise AssertionError("the watch has ended")

    async def beat(self) -> int:
        """How many changes were told until the next sign of life."""
        told = 0
        async with asyncio.timeout(PATIENCE):
            async for news in self._news:
                if isinstance(news, Beat):
                    assert news.asked_at > self.asked_at
                    self.asked_at = news.asked_at
                    return told
                told += 1
        raise AssertionError("the watch has ended")

    async def next(self, count: int) -> list[tuple[str, int, bool]]:
        """What the next changes say."""
        changes = [await self.change() for _ in range(count)]
        return [(change.key, change.version, change.ended) for change in changes]


@contextlib.asynccontextmanager
async def watching(watches: Watches) -> AsyncIterator[Watch]:
    """A watch that is on: it has given its first sign of life."""
    news = watches.watch()
    async with asyncio.timeout(PATIENCE):
        first = await anext(news)
    assert isinstance(first, Beat)
    try:
        yield Watch(news, first)
    finally:
        if isinstance(news, AsyncGenerator):
            await news.aclose()


def saved(record: Record) -> tuple[str, int, bool]:
    return (record.key, record.version, False)


def ended(record: Record, version: int | None = None) -> tuple[str, int, bool]:
    return (record.key, version or record.version, True)


class WatchingContract(Ground):
    """The promises of `Watches`."""

    async def test_saves_and_ends_are_told_in_order(self, store: Store, watches: Watches, clock: FakeClock) -> None:
        first = records.new(clock)
        second = records.newer(first)
        async with watching(watches) as watch:
            await store.save(first, over=None)
            await store.save(second, over=first)
            await store.delete(first.key, first.app)
            assert await watch.next(3) == [saved(first), saved(second), ended(second)]

    @pytest.mark.parametrize("change", [records.renewed, records.signed_in])
    async def test_a_move_tells_that_the_old_key_is_not_valid_any_more(
        self, store: Store, watches: Watches, clock: FakeClock, change: Callable[..., Record]
    ) -> None:
        old = records.new(clock)
        async with watching(watches) as watch:
            await store.save(old, over=None)
            clock.advance(seconds=1)
            new = change(old, clock)
            await store.save(new, over=old)
            assert await watch.next(3) == [saved(old), ended(old, new.version), saved(new)]

    async def test_what_changes_no_record_is_not_told(self, store: Store, watches: Watches, clock: FakeClock) -> None:
        first = records.new(clock)
        async with watching(watches) as watch:
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
        async with watching(watches) as watch:
            await store.save(record, over=None)
            clock.now = record.expires_at + SWEEP_DELAY
            claimed = [ending.record for ending in await sweeps.claim(limit=10, lease=30)]
            await sweeps.forget(claimed)
            await sweeps.forget(claimed[:0])
            assert await watch.next(2) == [saved(record), ended(record)]

    async def test_what_is_discarded_is_told(
        self, store: Store, watches: Watches, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        async with watching(watches) as watch:
            await store.save(record, over=None)
            clock.now = record.expires_at + SWEEP_DELAY
            await sweeps.discard(limit=10)
            assert await watch.next(2) == [saved(record), ended(record)]

    async def test_what_is_ended_is_told_at_once_and_again_when_it_is_forgotten(
        self, store: Store, watches: Watches, sweeps: Sweeps, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        async with watching(watches) as watch:
            await store.save(record, over=None)
            await sweeps.end(record.key, record.app, reason="signed-out", lease=30)
            assert await watch.next(2) == [saved(record), ended(record)]
            await sweeps.forget([record])
            assert await watch.next(1) == [ended(record)]

    async def test_what_is_evicted_is_told_at_once(
        self, store: Store, watches: Watches, admits: Admits, clock: FakeClock
    ) -> None:
        first, second = records.new(clock, principal="alice"), records.new(clock, principal="alice")
        async with watching(watches) as watch:
            await store.save(first, over=None)
            await admits.admit(second, over=None, limit=1, when_full="end-oldest", lease=30)
            told = await watch.next(3)
        assert told[0] == saved(first)
        assert sorted(told[1:]) == sorted([ended(first), saved(second)])

    async def test_a_change_names_application_and_node(self, store: Store, watches: Watches, clock: FakeClock) -> None:
        async with watching(watches) as watch:
            await store.save(records.new(clock, app="blog", node="n5"), over=None)
            change = await watch.change()
        assert (change.app, change.node) == ("blog", "n5")

    async def test_a_watch_gives_signs_of_life_when_nothing_changes(self, watches: Watches) -> None:
        async with watching(watches) as watch:
            started = time.monotonic()
            for _ in range(2):
                assert await watch.beat() == 0
            assert time.monotonic() - started <= 2 * BEAT + SLACK

    async def test_a_watch_gives_signs_of_life_when_all_the_time_something_changes(
        self, store: Store, watches: Watches, clock: FakeClock
    ) -> None:
        async def change() -> None:
            record = records.new(clock)
            await store.save(record, over=None)
            while True:
                newer = records.newer(record)
                await store.save(newer, over=record)
                record = newer
                await asyncio.sleep(0)

        async with watching(watches) as watch:
            changing = asyncio.create_task(change())
            try:
                started = time.monotonic()
                told = [await watch.beat() for _ in range(2)]
                assert time.monotonic() - started <= 2 * BEAT + SLACK
                assert sum(told) > 0
            finally:
                changing.cancel()
                await asyncio.wait([changing])

    async def test_a_beat_that_was_asked_for_after_a_change_comes_after_it(
        self, store: Store, watches: Watches, clock: FakeClock
    ) -> None:
        async with watching(watches) as watch:
            for stands_still in (False, True):
                record = records.new(clock)
                await store.save(record, over=None)
                saved_at = time.monotonic()
                if stands_still:  # the process does, and what comes waits for it
                    time.sleep(BEAT)  # noqa: ASYNC251
                told = 0
                while watch.asked_at <= saved_at:
                    told += await watch.beat()
                    assert watch.asked_at <= time.monotonic()
                assert told == 1

    async def test_all_who_watch_are_told_the_same(self, store: Store, watches: Watches, clock: FakeClock) -> None:
        made = [records.new(clock) for _ in range(50)]
        async with watching(watches) as one, watching(watches) as other:
            await asyncio.gather(*(store.save(record, over=None) for record in made))
            seen = await one.next(len(made))
            assert sorted(seen) == sorted(map(saved, made))
            assert await other.next(len(made)) == seen
