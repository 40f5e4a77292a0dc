"""A right that runs out: its holder may go on, and can write nothing over what the next one has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, sets
from tests.fixtures.watched import Gate, WatchedStore, fails
from tests.inbound.exclusive.conftest import Slow, increment, increment_at_once, stored

from sojourn import Session, Sessions
from sojourn.errors import Conflict, LeaseLost
from sojourn.inbound.keeping import lease
from sojourn.store.behind import Behind, BehindStore
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


@pytest.fixture
def another(known: Visitor, make: Make) -> Visitor:
    """The same visitor at another node, so that nothing is known there of what goes on at the first."""
    return known.twin(make())


async def test_who_comes_after_the_next_one_writes_nothing(known: Visitor, another: Visitor, clock: FakeClock) -> None:
    late = Slow()
    asking = asyncio.create_task(known.ask(late))
    await late.within.reached.wait()
    clock.advance(seconds=lease.SECONDS)
    assert (await another.ask(increment_at_once)).value == 1  # and has given it back: it would be given to the late one
    late.within.opened.set()
    assert (await asking).status == 409
    assert await stored(known) == {"n": 1}


async def test_nor_does_its_request_when_it_goes_on(known: Visitor, another: Visitor, clock: FakeClock) -> None:
    late = Slow()

    async def act(session: Session) -> Any:
        with pytest.raises(LeaseLost, match="nothing was stored"):
            await late(session)
        session["after"] = True
        return session["n"]

    asking = asyncio.create_task(known.ask(act))
    await late.within.reached.wait()
    clock.advance(seconds=lease.SECONDS)
    await another.ask(increment_at_once)
    await another.ask(increment_at_once)
    late.within.opened.set()
    await asking
    assert await stored(known) == {"n": 2, "after": True}


async def test_who_comes_before_the_next_one_has_begun_is_counted(
    known: Visitor, another: Visitor, clock: FakeClock, store: WatchedStore
) -> None:
    late = Slow()
    asking = asyncio.create_task(known.ask(late))
    await late.within.reached.wait()
    clock.advance(seconds=lease.SECONDS)
    fence = store.pause("save")
    following = asyncio.create_task(another.ask(increment_at_once))
    await fence.reached.wait()
    late.within.opened.set()
    assert (await asking).value == 1
    fence.opened.set()
    assert (await following).value == 2
    assert await stored(known) == {"n": 2}


async def test_a_right_that_runs_out_while_the_store_is_asked_to_write_is_noticed(
    known: Visitor, another: Visitor, clock: FakeClock, store: WatchedStore
) -> None:
    slow = Slow()
    asking = asyncio.create_task(known.ask(slow))
    await slow.within.reached.wait()
    writing = store.pause("save")
    slow.within.opened.set()
    await writing.reached.wait()
    clock.advance(seconds=lease.SECONDS)
    await another.ask(increment_at_once)
    writing.opened.set()
    assert (await asking).status == 409
    assert await stored(known) == {"n": 1}


async def test_what_is_stored_is_known_before_the_right_is_verified(
    known: Visitor, another: Visitor, clock: FakeClock, store: WatchedStore
) -> None:
    """Or the next one could come in between, and its changes would be taken for what may be written over."""
    slow = Slow()
    asking = asyncio.create_task(known.ask(slow))
    await slow.within.reached.wait()
    await another.ask(sets(other=1))  # a conflict, while the right is still there
    verifying = store.pause("hold")
    slow.within.opened.set()
    await verifying.reached.wait()
    clock.advance(seconds=lease.SECONDS)
    await another.ask(increment_at_once)
    verifying.opened.set()
    assert (await asking).status == 409
    assert await stored(known) == {"n": 1, "other": 1}


async def test_so_it_is_where_a_store_does_not_tell_with_what_a_save_collided(
    known: Visitor, another: Visitor, clock: FakeClock, store: WatchedStore
) -> None:
    async def collide(*_: Any) -> None:
        del store.before["save"]
        raise Conflict

    slow = Slow()
    asking = asyncio.create_task(known.ask(slow))
    await slow.within.reached.wait()
    store.before["save"], loading = collide, store.pause("load")
    slow.within.opened.set()
    await loading.reached.wait()
    clock.advance(seconds=lease.SECONDS)
    await another.ask(increment_at_once)
    loading.opened.set()
    assert (await asking).status == 409
    assert await stored(known) == {"n": 1}


async def test_a_late_one_is_noticed_by_the_next_request_of_its_own_node(
    known: Visitor, clock: FakeClock, store: WatchedStore
) -> None:
    """Both commit at one node, so the late one learns of the other without asking the store."""
    late, ref = Slow(), (await known.sessions.find())[0].ref

    async def act(session: Session) -> None:
        await late(session)

    asking = asyncio.create_task(known.ask(act))
    await late.within.reached.wait()
    clock.advance(seconds=lease.SECONDS)
    record = (await known.sessions.find(ref=ref))[0]
    assert await store.hold(record, "the next", seconds=60)
    gate = store.pause("save")
    other = asyncio.create_task(known.twin().ask(sets(n=5)))
    await gate.reached.wait()
    late.within.opened.set()
    for _ in range(5):
        await asyncio.sleep(0)
    gate.opened.set()
    await other
    assert (await asking).status == 409
    assert await stored(known) == {"n": 5}


async def test_a_right_that_ran_out_is_taken_again_before_the_block_begins(
    known: Visitor, clock: FakeClock, store: WatchedStore
) -> None:
    fence = store.pause("save")
    asking = asyncio.create_task(known.ask(increment))
    await fence.reached.wait()
    clock.advance(seconds=lease.SECONDS)
    fence.opened.set()
    assert (await asking).value == 1
    assert store.counts["hold"] == 2


async def test_a_holder_that_dies_frees_it(known: Visitor, clock: FakeClock, store: WatchedStore) -> None:
    (record,) = await known.sessions.find()
    assert await store.hold(record, "somebody who died", seconds=lease.SECONDS)
    assert (await known.ask(increment_at_once)).status == 503
    clock.advance(seconds=lease.SECONDS)
    assert (await known.ask(increment_at_once)).value == 1


async def test_it_is_prolonged_while_the_block_lasts(
    known: Visitor, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "EVERY", 0.01)
    asked = asyncio.Queue[None]()

    async def count(*_: Any) -> None:
        asked.put_nowait(None)

    async def act(session: Session) -> None:
        async with session.exclusive():
            store.before["hold"] = count
            for _ in range(3):
                await asked.get()
            session["n"] += 1

    await known.ask(act)
    assert await stored(known) == {"n": 1}
    assert "release" in store.calls


async def test_it_is_given_back_when_nobody_asks_for_it_any_more(
    known: Visitor, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the answer to a question that is under way would take it again."""
    monkeypatch.setattr(lease, "EVERY", 0.01)

    prolonging = Gate()

    async def act(session: Session) -> None:
        async with session.exclusive():
            store.before["hold"] = prolonging
            await prolonging.reached.wait()

    asking = asyncio.create_task(known.ask(act))
    await prolonging.reached.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert "release" not in store.calls
    prolonging.opened.set()
    await asking
    assert store.calls[-1] == "release"


async def test_it_is_asked_for_again_when_the_store_was_out_of_reach(
    known: Visitor, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "EVERY", 0.01)
    again = asyncio.Event()

    async def succeed(*_: Any) -> None:
        again.set()

    async def fail_once(*_: Any) -> None:
        store.before["hold"] = succeed
        await fails()

    async def act(session: Session) -> None:
        async with session.exclusive():
            store.before["hold"] = fail_once
            await again.wait()
            session["n"] += 1

    await known.ask(act)
    assert await stored(known) == {"n": 1}


async def test_a_right_that_cannot_be_given_back_runs_out(
    known: Visitor, clock: FakeClock, store: WatchedStore
) -> None:
    store.before["release"] = fails
    assert (await known.ask(increment)).value == 1
    assert (await known.ask(increment_at_once)).status == 503
    clock.advance(seconds=lease.SECONDS)
    assert (await known.ask(increment_at_once)).value == 2


async def test_what_is_saved_behind_the_response_is_not_while_anybody_of_the_node_has_the_session(
    known: Visitor, make: Make, clock: FakeClock, store: WatchedStore
) -> None:
    """Or a late one could queue its changes, and they would be merged when it is too late to refuse them."""
    behind = known.twin(make(store=BehindStore(store, Behind(interval=3600), clock=clock)))
    late, following = Slow(), Slow()
    asking = asyncio.create_task(behind.ask(late))
    await late.within.reached.wait()
    clock.advance(seconds=lease.SECONDS)
    next_one = asyncio.create_task(behind.ask(following))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not following.within.reached.is_set()  # those of one node queue
    assert (await known.ask(increment_at_once)).value == 1
    late.within.opened.set()
    assert (await asking).status == 409
    await following.within.reached.wait()
    following.within.opened.set()
    assert (await next_one).value == 2
    assert await stored(known) == {"n": 2}
