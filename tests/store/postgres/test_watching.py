"""Watching PostgreSQL: what was acknowledged is told before the next sign of life, once, whoever wrote it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sojourn.core.record import Record
from sojourn.errors import Conflict, StoreDamaged
from sojourn.store import open_store
from sojourn.store.base import Beat, Change
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


async def on(watch: AsyncIterator[Change | Beat]) -> None:
    assert isinstance(first := await anext(watch), Beat)
    assert first.number == 0


async def until_beat(watch: AsyncIterator[Change | Beat]) -> list[Change]:
    """What is told before a sign of life that says that all was told."""
    told: list[Change] = []
    async with asyncio.timeout(10):
        async for news in watch:
            if isinstance(news, Beat):
                assert news.number == (told[-1].number if told else 0)
                return told
            told.append(news)
    raise AssertionError


async def until_third_beat(watch: AsyncIterator[Change | Beat]) -> None:
    for _ in range(3):
        await until_beat(watch)


def keys(told: list[Change]) -> list[str]:
    return [change.key for change in told]


async def test_what_another_node_was_acknowledged_is_told_before_the_next_sign_of_life(
    node: Any, clock: FakeClock
) -> None:
    async with node() as one, node() as two:
        watch = one.watch()
        await on(watch)
        made = [records.new(clock) for _ in range(500)]
        await asyncio.gather(*(two.save(record, over=None) for record in made))
        told = await until_beat(watch)
        if not told:  # the first sign of life may have been asked for before
            told = await until_beat(watch)
        assert sorted(keys(told)) == sorted(record.key for record in made)
        assert [change.number for change in told] == list(range(1, 501))


async def test_changes_of_one_session_are_told_in_the_order_of_their_versions(node: Any, clock: FakeClock) -> None:
    async with node() as one, node() as two, node() as three:
        watch = three.watch()
        await on(watch)
        first = records.new(clock)
        await one.save(first, over=None)

        async def write(store: Any) -> None:
            record = first
            for _ in range(40):
                try:
                    newer = records.newer(record)
                    await store.save(newer, over=record)
                    record = newer
                except Conflict as conflict:
                    record = conflict.stored or record

        await asyncio.gather(write(one), write(two))
        versions: list[int] = []
        while len(versions) < (await one.load(first.key, "shop")).version:
            versions += [change.version for change in await until_beat(watch)]
        assert versions == list(range(1, len(versions) + 1))


@pytest.mark.parametrize("letter", ["x", "ø", "🦉", '"', "\\"])
async def test_what_is_too_long_for_one_notification_is_told_in_pieces(
    node: Any, clock: FakeClock, letter: str
) -> None:
    async with node() as store:
        watch = store.watch()
        await on(watch)
        made = [records.new(clock, app=letter * 2000, node=letter * 5000) for _ in range(5)]
        await asyncio.gather(*(store.save(record, over=None) for record in made))
        told = await until_beat(watch) or await until_beat(watch)
        assert {(change.key, change.app, change.node) for change in told} == {
            (record.key, record.app, record.node) for record in made
        }
        assert len(told) == len(made)


async def test_of_two_schemas_each_tells_its_own(node: Any, postgres_urls: Any, clock: FakeClock) -> None:
    other = open_store(postgres_urls(), clock=clock)
    async with node() as store:
        watch = store.watch()
        await on(watch)
        await other.save(records.new(clock), over=None)
        record = records.new(clock)
        await store.save(record, over=None)
        assert keys(await until_beat(watch) or await until_beat(watch)) == [record.key]
    await other.close()  # type: ignore[attr-defined]


async def test_a_batch_in_which_nothing_changed_notifies_nobody(node: Any, aside: Any, clock: FakeClock) -> None:
    async with node() as store, aside() as other:
        record = records.new(clock)
        await store.save(record, over=None)
        heard: list[object] = []
        await other.add_listener(await other.fetchval("select channel()"), lambda *told: heard.append(told))
        clock.advance(seconds=1)
        await store.touch(records.used(record, clock))
        await store.load(record.key, "shop")
        with pytest.raises(Conflict):
            await store.save(record, over=None)
        with pytest.raises(Conflict):
            await store.save(records.newer(record), over=records.newer(record))
        await store.claim(limit=10, lease=30)
        await store.forget([record])
        await store.hold(record, "one", seconds=5)
        await other.fetchval("select 1")
        assert heard == []
        await store.save(records.newer(record), over=record)
        await other.fetchval("select 1")
        assert len(heard) == 1


@pytest.mark.parametrize("payload", ["nonsense", "", "1/1 nonsense", "2/2 [", "1/2 "])
async def test_a_notification_that_is_not_ours_ends_the_watch(
    node: Any, aside: Any, clock: FakeClock, payload: str
) -> None:
    async with node() as store, aside() as other:
        watch = store.watch()
        await on(watch)
        await other.execute("select pg_notify(channel(), $1)", payload)
        await store.save(records.new(clock), over=None)
        with pytest.raises(StoreDamaged):
            await until_third_beat(watch)


async def test_a_watch_that_is_left_closes_its_connection(node: Any) -> None:
    async with node() as store:
        watch = store.watch()
        await on(watch)
        [connection] = store._desk().watching
        await watch.aclose()
        assert connection.is_closed()
        assert not store._desk().watching


async def test_of_what_was_ended_and_evicted_each_is_told_at_once(node: Any, clock: FakeClock) -> None:
    async with node() as store:
        made = [records.new(clock, principal="alice") for _ in range(4)]
        await asyncio.gather(*(store.save(record, over=None) for record in made))
        watch = store.watch()
        await on(watch)
        await asyncio.gather(
            *(store.end(record.key, "shop", reason="revoked", lease=30) for record in made[:2]),
        )
        new = records.new(clock, principal="alice")
        evicted: list[Record] = await store.admit(new, over=None, limit=1, when_full="end-oldest", lease=30)
        assert {record.ref for record in evicted} == {record.ref for record in made[2:]}
        told = await until_beat(watch) or await until_beat(watch)
        assert sorted((change.key, change.ended) for change in told) == sorted(
            [(new.key, False), *((record.key, True) for record in made)]
        )
