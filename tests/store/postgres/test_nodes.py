"""Several nodes, processes, threads and event loops on one schema."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from tests.fixtures.postgres import waits_for_a_lock

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached
from sojourn.store import Query, open_store
from sojourn.store.base import SWEEP_DELAY
from sojourn.store.postgres import PostgresStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


async def outcomes(*questions: Any) -> list[Any]:
    return await asyncio.gather(*questions, return_exceptions=True)


async def test_two_nodes_that_sweep_at_once_claim_each_record_once(node: Any, clock: FakeClock) -> None:
    async with node() as one, node() as two:
        old = [records.new(clock) for _ in range(300)]
        await asyncio.gather(*(one.save(record, over=None) for record in old))
        clock.now = old[0].expires_at + SWEEP_DELAY
        batches = await asyncio.gather(*(node.claim(limit=40, lease=30) for _ in range(6) for node in (one, two)))
        claimed = [ending.record for batch in batches for ending in batch]
        assert len({record.ref for record in claimed}) == len(claimed)
        while batch := await one.claim(limit=100, lease=30):  # what was skipped since the other was at it
            claimed += [ending.record for ending in batch]
        assert Counter(record.ref for record in claimed) == Counter(record.ref for record in old)


async def test_a_sweep_leaves_alone_what_is_used_at_this_moment(node: Any, aside: Any, clock: FakeClock) -> None:
    async with node() as one, node() as two, aside() as other:
        record = records.new(clock)
        await one.save(record, over=None)
        clock.now = record.expires_at + SWEEP_DELAY
        async with other.transaction():
            await other.execute("select from session where key = $1 for update", record.key)
            touch = asyncio.create_task(one.touch(records.used(record, clock)))
            await waits_for_a_lock(other)
            assert await two.claim(limit=10, lease=30) == []
            assert await two.discard(limit=10) == 0
        assert await touch
        assert await two.claim(limit=10, lease=30) == []
        assert await two.discard(limit=10) == 0


@pytest.mark.parametrize("when_full", ["refuse", "end-oldest"])
async def test_never_more_live_than_the_limit_whichever_nodes_sign_in(
    node: Any, aside: Any, clock: FakeClock, when_full: Any
) -> None:
    async with node() as one, node() as two, node() as three, aside() as other:
        nodes, limit = (one, two, three), 20
        await asyncio.gather(*(each.open() for each in nodes))
        anonymous = sorted((records.new(clock) for _ in range(90)), key=lambda record: record.key)
        await asyncio.gather(*(one.save(record, over=None) for record in anonymous))
        async with other.transaction():
            # Each node has one session left to admit when all of them have begun.
            last = [record.key for record in anonymous[-3:]]
            await other.execute("select from session where key = any ($1) for update", last)
            admissions = [
                asyncio.create_task(
                    nodes[number % 3].admit(
                        records.signed_in(record, clock), over=record, limit=limit, when_full=when_full, lease=30
                    )
                )
                for number, record in enumerate(anonymous)
            ]
            await waits_for_a_lock(other, count=3)
        answers = await outcomes(*admissions)
        assert len(await two.find(Query(principal="alice"), limit=1000)) == limit
        if when_full == "refuse":
            assert Counter(map(type, answers)) == {list: limit, LimitReached: 90 - limit}
            refused = [record for record, answer in zip(anonymous, answers, strict=True) if answer != []]
            assert await asyncio.gather(*(three.load(record.key, "shop") for record in refused)) == refused
        else:
            evicted = [record.ref for answer in answers for record in answer]
            assert len(set(evicted)) == len(evicted) == 90 - limit


async def test_a_session_that_is_renewed_while_another_evicts_it_is_evicted_at_its_new_key(
    node: Any, aside: Any, clock: FakeClock
) -> None:
    async with node() as one, node() as two, aside() as other:
        old = records.new(clock, principal="alice")
        await one.save(old, over=None)
        clock.advance(seconds=1)
        renewed = records.renewed(old, clock)
        async with other.transaction():
            await other.execute("select from session where key = $1 for update", old.key)
            renewal = asyncio.create_task(one.save(renewed, over=old))
            await waits_for_a_lock(other)
            admission = asyncio.create_task(
                two.admit(records.new(clock, principal="alice"), over=None, limit=1, when_full="end-oldest", lease=30)
            )
            await waits_for_a_lock(other, count=2)
        await renewal
        assert [record.ref for record in await admission] == [old.ref]
        assert await one.load(renewed.key, "shop") is None
        assert len(await one.find(Query(principal="alice"))) == 1


@pytest.mark.parametrize("end", ["delete", "end"])
async def test_an_end_reaches_a_session_that_is_renewed_at_this_moment(
    node: Any, aside: Any, clock: FakeClock, end: str
) -> None:
    async with node() as one, node() as two, aside() as other:
        old = records.new(clock)
        await one.save(old, over=None)
        renewed = records.renewed(old, clock)
        async with other.transaction():
            await other.execute("select from session where key = $1 for update", old.key)
            renewal = asyncio.create_task(one.save(renewed, over=old))
            await waits_for_a_lock(other)
            ending = asyncio.create_task(
                two.delete(old.key, "shop") if end == "delete" else two.end(old.key, "shop", reason="revoked", lease=30)
            )
            await waits_for_a_lock(other, count=2)
        await renewal
        assert await ending
        for key in (old.key, renewed.key):
            assert await one.load(key, "shop") is None
        with pytest.raises(Gone):
            await one.save(records.newer(renewed), over=renewed)


async def test_of_two_nodes_that_save_over_the_same_one_is_told_of_the_other(node: Any, clock: FakeClock) -> None:
    async with node() as one, node() as two:
        record = records.new(clock)
        await one.save(record, over=None)
        for _ in range(20):
            mine, theirs = records.newer(record, node="n1"), records.newer(record, node="n2")
            answers = await outcomes(one.save(mine, over=record), two.save(theirs, over=record))
            [conflict] = [answer for answer in answers if answer is not None]
            record = mine if answers[0] is None else theirs
            assert isinstance(conflict, Conflict)
            assert conflict.stored == record


def visits(store: PostgresStore, clock: FakeClock, runs: Callable[[Any], Any] = asyncio.run) -> None:
    async def visit() -> None:
        made = [records.new(clock) for _ in range(20)]
        await asyncio.gather(*(store.save(record, over=None) for record in made))
        assert await asyncio.gather(*(store.load(record.key, "shop") for record in made)) == made
        await store.close()

    runs(visit())


@pytest.mark.parametrize("runs", [asyncio.run, uvloop.run])
def test_one_event_loop_after_another_may_use_a_store(
    postgres_url: str, clock: FakeClock, runs: Callable[[Any], Any]
) -> None:
    store = made(postgres_url, clock)
    for _ in range(3):
        visits(store, clock, runs)


def test_event_loops_of_several_threads_may_share_a_store(postgres_url: str, clock: FakeClock) -> None:
    store = made(postgres_url, clock)
    failures: list[BaseException] = []
    together = threading.Barrier(4)

    async def visit() -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        await asyncio.to_thread(together.wait, 20)
        for _ in range(20):
            newer = records.newer(record)
            await store.save(newer, over=record)
            assert await store.load(record.key, "shop") == newer
            record = newer
        await store.close()

    def run() -> None:
        try:
            asyncio.run(visit())
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures


def test_a_child_of_a_process_that_has_used_a_store_leaves_its_connections_alone(
    postgres_url: str, clock: FakeClock
) -> None:
    store = made(postgres_url, clock)
    record = records.new(clock)
    with asyncio.Runner() as runner:
        runner.run(store.save(record, over=None))
        child = os.fork()
        if child == 0:
            os._exit(in_the_child(store, record, clock))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        newer = records.newer(record)
        runner.run(store.save(newer, over=record))  # over the connection from before
        assert runner.run(store.load(record.key, "shop")) == newer
        runner.run(store.close())


def in_the_child(store: PostgresStore, record: Record, clock: FakeClock) -> int:
    async def use() -> Record | None:
        await store.save(records.new(clock), over=None)
        found = await store.load(record.key, "shop")
        await store.close()
        return found

    asyncio.set_event_loop(None)
    with asyncio.Runner() as runner:
        found = runner.run(use())
    gc.collect()
    return 0 if found == record else 1


def made(url: str, clock: FakeClock) -> PostgresStore:
    store = open_store(url, clock=clock)
    assert isinstance(store, PostgresStore)
    return store
