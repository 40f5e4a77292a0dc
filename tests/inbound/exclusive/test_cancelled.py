"""Cancelled anywhere: what was done is done or is not, and nobody is kept waiting."""

from __future__ import annotations

import asyncio

import pytest
from tests.fixtures.visitor import Visitor, sets
from tests.fixtures.watched import Gate, WatchedStore, fails
from tests.inbound.exclusive.conftest import Make, Slow, increment, increment_at_once, stored

from sojourn import Session
from sojourn.errors import StoreUnavailable


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", ["hold", "save", "release"])
async def test_whoever_is_cancelled_gives_it_back(
    known: Visitor, store: WatchedStore, call: str, *, after: bool
) -> None:
    gate = store.pause_after(call) if after else store.pause(call)
    asking = asyncio.create_task(known.ask(increment))
    await gate.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    gate.opened.set()
    await known.sessions.flush()
    n = (await stored(known))["n"]
    assert n == (1 if call == "release" else 0)
    assert (await known.ask(increment)).value == n + 1


@pytest.mark.parametrize("after", [False, True])
async def test_who_is_cancelled_while_its_changes_are_stored_has_stored_them(
    known: Visitor, store: WatchedStore, *, after: bool
) -> None:
    slow = Slow()
    asking = asyncio.create_task(known.ask(slow))
    await slow.within.reached.wait()
    gate = store.pause_after("save") if after else store.pause("save")
    slow.within.opened.set()
    await gate.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert "release" not in store.calls  # the write goes on, and until it is done the session is taken
    gate.opened.set()
    assert (await known.ask(increment)).value == 2


async def test_who_is_cancelled_within_the_block_leaves_nothing(known: Visitor) -> None:
    slow = Slow()

    async def act(session: Session) -> None:
        async with session.exclusive():
            session["n"] = 7
            await slow.within()

    asking = asyncio.create_task(known.ask(act))
    await slow.within.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await known.ask(increment_at_once)).value == 1


async def test_who_is_cancelled_while_it_waits_takes_nobodys_turn(known: Visitor, twin: Visitor) -> None:
    first = Slow()
    asking = asyncio.create_task(known.ask(first))
    await first.within.reached.wait()
    waiting, last = asyncio.create_task(twin.ask(increment)), asyncio.create_task(twin.ask(increment))
    for _ in range(20):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    first.within.opened.set()
    assert ((await asking).value, (await last).value) == (1, 2)


@pytest.mark.parametrize("call", ["hold", "save"])
async def test_a_store_out_of_reach_is_told_and_leaves_nothing(known: Visitor, store: WatchedStore, call: str) -> None:
    store.before[call] = fails
    assert (await known.ask(increment)).status == 503
    del store.before[call]
    assert (await known.ask(increment_at_once)).value == 1


async def test_a_store_that_goes_away_during_the_block_is_told_and_its_changes_are_dropped(
    known: Visitor, store: WatchedStore
) -> None:
    async def block(session: Session) -> None:
        async with session.exclusive():
            session["n"] = 7
            store.before["save"] = fails

    async def act(session: Session) -> None:
        with pytest.raises(StoreUnavailable):
            await block(session)
        del store.before["save"]
        session["after"] = True

    await known.ask(act)
    assert await stored(known) == {"n": 0, "after": True}


async def test_closing_waits_for_a_block_that_was_cancelled(known: Visitor, store: WatchedStore) -> None:
    gate = store.pause("release")
    asking = asyncio.create_task(known.ask(increment))
    await gate.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    closing = asyncio.create_task(known.sessions.close())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not closing.done()
    gate.opened.set()
    await closing
    assert store.calls[-1] == "close"


@pytest.mark.parametrize("asked", ["before", "after"])
async def test_a_write_that_goes_on_after_the_end_does_not_take_the_right_again(
    known: Visitor, store: WatchedStore, make: Make, asked: str
) -> None:
    """Cancelled while it stores: the block is over, and then the save meets another's and has the right verified."""

    slow, writing = Slow(), Gate()

    async def act(session: Session) -> None:
        async with session.exclusive():
            session["n"] = 7
            await slow.within()
            await session.save()

    asking = asyncio.create_task(known.ask(act))
    await slow.within.reached.wait()
    store.before["save"] = writing
    slow.within.opened.set()
    await writing.reached.wait()
    await known.twin(make()).ask(sets(other=1))
    holding = store.pause("hold")
    if asked == "before":  # the end, or not
        writing.opened.set()
        await holding.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    writing.opened.set()
    holding.opened.set()
    await known.sessions.close()
    assert await stored(known) == {"n": 0, "other": 1}
    assert (await known.ask(increment_at_once)).value == 1
