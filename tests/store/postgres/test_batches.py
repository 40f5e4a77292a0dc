"""Batches: what is asked at the same time is one statement, and each question has its own answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.fixtures.postgres import waits_for_a_lock

from sojourn.errors import Conflict, Gone, StoreUnavailable
from sojourn.store.base import SWEEP_DELAY, Query
from sojourn.store.postgres import PostgresStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


def trips(store: PostgresStore) -> int:
    """How often the server was asked by this event loop."""
    desk = store._desk()
    return desk.reading.trips + desk.writing.trips + desk.aside.trips


@contextlib.contextmanager
def round_trips(store: PostgresStore, count: int) -> Iterator[None]:
    """That a block takes so many, at most."""
    before = trips(store)
    yield
    assert trips(store) - before <= count


async def test_what_is_asked_in_one_turn_is_one_round_trip(node: Any, clock: FakeClock) -> None:
    async with node() as store:
        made = [records.new(clock) for _ in range(100)]
        with round_trips(store, 1):
            await asyncio.gather(*(store.save(record, over=None) for record in made))
        with round_trips(store, 1):
            assert await asyncio.gather(*(store.load(record.key, "shop") for record in made)) == made
        clock.advance(seconds=1)
        new, newer, touched = records.new(clock), [records.newer(record) for record in made[:50]], made[50:]
        with round_trips(store, 1):
            await asyncio.gather(
                store.save(new, over=None),
                *(store.save(record, over=over) for record, over in zip(newer, made, strict=False)),
                *(store.touch(records.used(record, clock)) for record in touched),
            )
        assert await store.load(newer[0].key, "shop") == newer[0]
        assert await store.load(touched[0].key, "shop") == records.used(touched[0], clock)


async def test_what_ends_in_one_turn_is_claimed_in_one_round_trip_and_forgotten_in_another(
    node: Any, clock: FakeClock
) -> None:
    async with node() as store:
        made = [records.new(clock) for _ in range(100)]
        await asyncio.gather(*(store.save(record, over=None) for record in made))
        with round_trips(store, 1):
            await asyncio.gather(*(store.end(each.key, "shop", reason="revoked", lease=30) for each in made))
        with round_trips(store, 1):
            await asyncio.gather(*(store.forget([each]) for each in made))
        with round_trips(store, 0):
            await store.forget([])
        assert await store.claim(limit=100, lease=30) == []


async def test_each_operation_alone_takes_one_round_trip(node: Any, clock: FakeClock) -> None:
    async with node() as store:
        old = records.new(clock)
        await store.open()
        renewed = records.renewed(old, clock)
        signed_in = records.signed_in(renewed, clock)
        last = records.renewed(signed_in, clock)
        for question in (
            store.save(old, over=None),
            store.load(old.key, "shop"),
            store.touch(old),
            store.save(renewed, over=old),
            store.moved(old.key, "shop"),
            store.admit(signed_in, over=renewed, limit=1, when_full="end-oldest", lease=30),
            store.hold(signed_in, "one", seconds=5),
            store.release(signed_in, "one"),
            store.admit(last, over=signed_in, limit=1, when_full="refuse", lease=30),
            store.end(last.key, "shop", reason="signed-out", lease=30),
            store.forget([last]),
            store.delete(last.key, "shop"),
        ):
            with round_trips(store, 1):
                await question


async def test_while_one_batch_is_on_its_way_the_next_one_gathers(node: Any, clock: FakeClock) -> None:
    async with node() as store:
        await store.open()

        async def visit() -> None:
            record = records.new(clock)
            await store.save(record, over=None)
            for _ in range(10):
                newer = records.newer(record)
                await store.save(newer, over=record)
                record = newer

        with round_trips(store, 64):
            await asyncio.gather(*(visit() for _ in range(64)))


async def test_conflicts_of_one_batch_are_explained_by_one_more_round_trip(node: Any, clock: FakeClock) -> None:
    async with node() as store:
        made = [records.new(clock) for _ in range(20)]
        await asyncio.gather(*(store.save(record, over=None) for record in made))
        newer = [records.newer(record) for record in made]
        await asyncio.gather(*(store.save(record, over=over) for record, over in zip(newer, made, strict=True)))
        with round_trips(store, 2):
            saves = (store.save(record, over=over) for record, over in zip(newer, made, strict=True))
            answers = await asyncio.gather(*saves, return_exceptions=True)
        assert [getattr(answer, "stored", None) for answer in answers] == newer


async def test_nobody_waits_for_the_explanations_of_those_who_lost(node: Any, aside: Any, clock: FakeClock) -> None:
    async with node(timeout=30) as store, aside() as other:
        lost, kept, renewed, admitted = (records.new(clock) for _ in range(4))
        await asyncio.gather(*(store.save(record, over=None) for record in (lost, kept, renewed, admitted)))
        old = (lost, renewed, admitted)
        newest = [records.newer(record) for record in old]
        await asyncio.gather(*(store.save(each, over=over) for each, over in zip(newest, old, strict=True)))
        async with reading_held_up(store, other):
            losers = [
                asyncio.create_task(store.save(records.newer(lost), over=lost)),
                asyncio.create_task(store.save(records.renewed(renewed, clock), over=renewed)),
                asyncio.create_task(
                    store.admit(
                        records.signed_in(admitted, clock), over=admitted, limit=1, when_full="refuse", lease=30
                    )
                ),
            ]
            newer = records.newer(kept)
            await store.save(newer, over=kept)  # of the same batch
            await store.save(records.newer(newer), over=newer)  # of the next one
            await store.save(records.renewed(records.newer(newer), clock), over=records.newer(newer))
            signed_in = records.signed_in(newest[0], clock)
            await store.admit(signed_in, over=newest[0], limit=1, when_full="refuse", lease=30)
            assert not any(loser.done() for loser in losers)
        answers = await asyncio.gather(*losers, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Gone, Conflict, Conflict]
        assert [getattr(answer, "stored", None) for answer in answers[1:]] == newest[1:]


@contextlib.asynccontextmanager
async def reading_held_up(store: PostgresStore, other: Any) -> AsyncIterator[None]:
    """That nothing is read for the time of a block."""
    desk, lock = store._desk(), "select pg_advisory_lock(1)"
    await other.execute(lock)
    held_up = asyncio.create_task(desk.ask(desk.reading, lock, tuple, writes=False))
    await waits_for_a_lock(other)
    try:
        yield
    finally:
        await other.execute("select pg_advisory_unlock(1)")
        await held_up


async def test_who_lost_is_told_of_it_also_when_the_store_is_closed_at_this_moment(node: Any, clock: FakeClock) -> None:
    async with node() as store:
        lost, expired = records.new(clock), records.new(clock)
        await asyncio.gather(*(store.save(record, over=None) for record in (lost, expired)))
        newest = records.newer(lost)
        await store.save(newest, over=lost)
        clock.now = expired.expires_at
        again = records.new(clock, key=expired.key)
        desk = store._desk()
        loser = asyncio.create_task(store.save(records.newer(lost), over=lost))
        creator = asyncio.create_task(store.save(again, over=None))
        await asyncio.sleep(0)  # they wait for the batch
        await store.close()
        assert loser.done()
        assert creator.done()
        answers = await asyncio.gather(loser, creator, return_exceptions=True)
        assert getattr(answers[0], "stored", None) == newest
        assert answers[1] is None
        assert not any(lane._connection for lane in (desk.reading, desk.writing, desk.aside))


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_one_record_that_cannot_be_kept_takes_no_other_with_it(node: Any, clock: FakeClock, text: str) -> None:
    async with node() as store:
        bad = records.new(clock, principal=text)
        good = [records.new(clock) for _ in range(10)]
        saves = [store.save(record, over=None) for record in (*good[:5], bad, *good[5:])]
        answers = await asyncio.gather(*saves, return_exceptions=True)
        refusal = answers.pop(5)
        assert isinstance(refusal, StoreUnavailable)
        assert bad.ref not in str(refusal)
        assert answers == [None] * 10
        assert await asyncio.gather(*(store.load(record.key, "shop") for record in good)) == good
        assert await store.load(bad.key, "shop") is None
        with pytest.raises(StoreUnavailable):
            await store.load(text, "shop")


async def test_in_one_batch_each_gets_its_own_answer(node: Any, clock: FakeClock) -> None:
    async with node() as store:
        kept, stale, ended, taken = (records.new(clock) for _ in range(4))
        await asyncio.gather(*(store.save(record, over=None) for record in (kept, stale, ended, taken)))
        current = records.newer(stale)
        await store.save(current, over=stale)
        await store.delete(ended.key, "shop")
        new = records.new(clock)
        answers = await asyncio.gather(
            store.save(records.newer(kept), over=kept),
            store.save(records.newer(stale), over=stale),
            store.save(records.newer(ended), over=ended),
            store.save(records.new(clock, key=taken.key), over=None),
            store.save(new, over=None),
            store.touch(ended),
            store.touch(current),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [type(None), Conflict, Gone, Conflict, type(None), bool, bool]
        assert [getattr(answer, "stored", None) for answer in (answers[1], answers[3])] == [current, taken]
        assert answers[5:] == [False, True]
        assert await store.load(new.key, "shop") == new


async def test_one_that_takes_the_ref_of_another_takes_no_other_with_it(node: Any, clock: FakeClock) -> None:
    async with node() as store:
        one, other, third = (records.new(clock) for _ in range(3))
        await asyncio.gather(*(store.save(record, over=None) for record in (one, other, third)))
        answers = await asyncio.gather(
            store.save(records.newer(one, ref=other.ref), over=one),
            store.save(records.newer(third), over=third),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Conflict, type(None)]


async def test_of_those_who_gave_up_before_the_batch_left_nothing_is_written(node: Any, clock: FakeClock) -> None:
    async with node() as store:
        await store.open()
        made = [records.new(clock) for _ in range(6)]
        tasks = [asyncio.create_task(store.save(record, over=None)) for record in made]
        await asyncio.sleep(0)  # they wait for the batch
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        loaded = await asyncio.gather(*(store.load(record.key, "shop") for record in made))
        assert loaded == [None if number % 2 == 0 else record for number, record in enumerate(made)]


async def test_what_is_under_way_happens_also_when_nobody_waits_any_more(
    node: Any, aside: Any, clock: FakeClock
) -> None:
    async with node() as store, aside() as other:
        record = records.new(clock)
        await store.save(record, over=None)
        async with other.transaction():
            await other.execute("select from session where key = $1 for update", record.key)
            save = asyncio.create_task(store.save(records.newer(record), over=record))
            end = asyncio.create_task(store.end(record.key, "shop", reason="signed-out", lease=30))
            await waits_for_a_lock(other)
            save.cancel()
            await asyncio.gather(save, return_exceptions=True)
        assert await end is not None
        assert await store.load(record.key, "shop") is None


async def test_two_nodes_that_write_the_same_in_opposite_order_never_wait_in_a_circle(
    node: Any, clock: FakeClock
) -> None:
    async with node() as one, node() as two:
        made = [records.new(clock) for _ in range(60)]
        await asyncio.gather(*(one.save(record, over=None) for record in made))
        async with asyncio.timeout(20):
            for _ in range(30):
                clock.advance(seconds=1)
                touches = [records.used(record, clock) for record in made]
                answers = await asyncio.gather(
                    *(one.touch(record) for record in touches), *(two.touch(record) for record in reversed(touches))
                )
                assert all(answers)
        assert two._desk().writing.trips == 30  # nothing had to be tried again


async def test_a_store_that_was_opened_while_it_was_small_stays_quick_when_it_has_grown(
    node: Any, aside: Any, clock: FakeClock
) -> None:
    async with node() as store, aside() as other:
        first = records.new(clock)
        await store.save(first, over=None)
        await other.execute("analyze")
        await store.close()
        assert await store.touch(first)  # the plans are made now
        assert await store.load(first.key, "shop") == first
        await store.claim(limit=1, lease=1)
        await other.execute(
            "insert into session select 'key' || n, 'shop', 'ref' || n, null, 0, 1, 0, 0, 0, $1, $1, 'n1', '' "
            "from generate_series(1, 20000) n",
            clock() + 1e6,
        )
        await other.execute(
            "insert into stub select 'left' || n, 'shop', 'key' || n, true from generate_series(1, 20000) n"
        )
        before = await tuples_read(store, other)
        newer = records.newer(first)
        await store.save(newer, over=first)
        await store.save(records.new(clock), over=None)
        await store.save(records.renewed(newer, clock), over=newer)
        await store.load(newer.key, "shop")
        await store.touch(newer)
        await store.claim(limit=10, lease=SWEEP_DELAY)
        await store.admit(records.new(clock, principal="a"), over=None, limit=1, when_full="end-oldest", lease=30)
        await store.admit(records.new(clock, principal="a"), over=None, limit=1, when_full="end-oldest", lease=30)
        await store.end(newer.key, "shop", reason="signed-out", lease=30)
        await store.forget([newer])
        await store.delete(newer.key, "shop")
        assert await tuples_read(store, other) - before < 100


async def test_a_page_costs_what_it_shows_however_much_is_stored(node: Any, aside: Any, clock: FakeClock) -> None:
    async with node() as store, aside() as other:
        first = records.new(clock, principal="alice")
        await store.save(first, over=None)
        await other.execute(
            "insert into session select 'key' || n, 'shop', 'ref' || n, 'user' || n, 0, 1, 0, 0, 0, $1, $1, 'n1', "
            "decode(repeat('00', 500), 'hex') from generate_series(1, 20000) n",
            clock() + 1e6,
        )
        before = await tuples_read(store, other)
        assert len(await store.find(Query(app="shop"), limit=10)) == 10
        assert len(await store.find(Query(app="shop"), limit=10, after="ref15")) == 10
        assert await store.find(Query(app="shop", principal="alice")) == [first]
        assert await store.find(Query(app="shop", ref=first.ref)) == [first]
        assert await tuples_read(store, other) - before < 100


async def tuples_read(store: PostgresStore, other: Any) -> int:
    """How many entries of indexes were looked at, when the statements of `store` are counted in."""
    desk = store._desk()
    for lane in (desk.reading, desk.writing, desk.aside):
        if lane._connection is not None:
            await lane._connection.execute("select pg_stat_force_next_flush()")
    read = "select sum(idx_tup_read) from pg_stat_user_indexes where schemaname = current_schema()"
    return int(await other.fetchval(read))
