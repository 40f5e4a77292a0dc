"""What happens while the store is being asked: in every order, forced by gates."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.fixtures.watched import WatchedStore
from tests.store.behind.changed import changed, created, held, renewed, signed_in

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, OutcomeUnknown, StoreUnavailable
from sojourn.store.behind import BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


async def turns(number: int = 10) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def answer_is_lost(*_: Any) -> None:
    raise OutcomeUnknown("the answer was lost; look")


def lose_the_answer(inner: WatchedStore, *, stored: bool) -> None:
    """The next save is answered by nothing, whether it was `stored` or not."""

    async def once(*_: Any) -> None:
        inner.before.pop("save", None)
        inner.after.pop("save", None)
        await answer_is_lost()

    (inner.after if stored else inner.before)["save"] = once


# --- while a save of the queue is under way --------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["pause", "pause_after"])
async def test_a_change_waits_for_the_next_save(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, clock: FakeClock, where: str
) -> None:
    second = await changed(node, await created(node, clock), cart=1)
    gate = getattr(inner, where)("save")
    flushing = asyncio.create_task(node.flush())
    await gate.reached.wait()
    third = await changed(node, second, cart=2)
    assert await node.load(third.key, third.app) == third
    gate.opened.set()
    await flushing
    assert node.depth == 1
    assert await memory.load(third.key, third.app) == second
    assert await node.load(third.key, third.app) == third
    await node.flush()
    assert await memory.load(third.key, third.app) == third
    assert (node.depth, node.counts.merged) == (0, 0)


@pytest.mark.parametrize("where", ["pause", "pause_after"])
async def test_an_end_has_the_last_word_and_the_newest_data(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock, *, where: str
) -> None:
    second = await changed(node, await created(node, clock), cart=1)
    gate = getattr(inner, where)("save")
    flushing = asyncio.create_task(node.flush())
    await gate.reached.wait()
    third = await changed(node, second, cart=2)
    assert await node.end(third.key, third.app, reason="signed-out", lease=30) == third
    gate.opened.set()
    await flushing
    assert await node.load(third.key, third.app) is None
    assert await memory.load(third.key, third.app) is None
    for late in (second, third):
        with pytest.raises(Gone):
            await changed(node, late, cart=3)
    assert (dropped, node.depth) == ([], 0)


@pytest.mark.parametrize("move", [renewed, signed_in])
async def test_a_move_waits_for_it(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, clock: FakeClock, move: Any
) -> None:
    second = await changed(node, await created(node, clock), cart=1)
    gate = inner.pause_after("save")
    flushing = asyncio.create_task(node.flush())
    await gate.reached.wait()
    moving = asyncio.create_task(move(node, second, clock))
    await turns()
    assert not moving.done()
    gate.opened.set()
    moved = await moving
    await flushing
    assert await memory.load(moved.key, moved.app) == moved
    assert (node.depth, node.counts.dropped, node.counts.merged) == (0, 0, 0)


async def test_a_move_that_waits_meets_the_change_that_came_before_it(
    node: BehindStore, inner: WatchedStore, clock: FakeClock
) -> None:
    second = await changed(node, await created(node, clock), cart=1)
    gate = inner.pause_after("save")
    flushing = asyncio.create_task(node.flush())
    await gate.reached.wait()
    moving = asyncio.create_task(signed_in(node, second, clock))
    await turns()
    third = await changed(node, second, cart=2)
    gate.opened.set()
    with pytest.raises(Conflict) as caught:
        await moving
    assert caught.value.stored == third
    await flushing


async def test_a_touch_that_comes_meanwhile_is_stored(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    second = await changed(node, await created(node, clock), cart=1)
    gate = inner.pause("save")
    flushing = asyncio.create_task(node.flush())
    await gate.reached.wait()
    clock.advance(minutes=3)
    touched = await node.load(second.key, second.app)
    assert touched is not None

    assert await node.touch(records.used(touched, clock))
    gate.opened.set()
    await flushing
    assert await memory.load(second.key, second.app) == records.used(second, clock)
    assert node.depth == 0


@pytest.mark.parametrize("where", ["pause", "pause_after"])
async def test_a_save_that_is_cancelled_is_found_out_about(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock, *, where: str
) -> None:
    second = await changed(node, await created(node, clock), cart=1)
    gate = getattr(inner, where)("save")
    flushing = asyncio.create_task(node.flush())
    await gate.reached.wait()
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    third = await changed(node, second, cart=2)
    await node.flush()
    assert await memory.load(third.key, third.app) == third
    assert (node.depth, node.counts.merged, dropped) == (0, 0, [])


@pytest.mark.parametrize("stored", [False, True])
async def test_a_save_whose_answer_was_lost_is_neither_lost_nor_made_twice(
    node: BehindStore,
    inner: WatchedStore,
    memory: MemoryStore,
    dropped: list[Record],
    clock: FakeClock,
    *,
    stored: bool,
) -> None:
    second = await changed(node, await created(node, clock), cart=1)
    lose_the_answer(inner, stored=stored)
    with pytest.raises(OutcomeUnknown):
        await node.flush()
    assert await node.load(second.key, second.app) == second
    await node.flush()
    assert await memory.load(second.key, second.app) == second
    assert (node.depth, node.counts.merged, dropped) == (0, 0, [])


async def test_while_the_store_is_away_the_queue_is_kept_and_served(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    second = await changed(node, await created(node, clock), cart=1)
    inner.break_down()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await node.flush()
    third = await changed(node, second, cart=2)
    assert await node.load(third.key, third.app) == third
    inner.before.clear()
    await node.flush()
    assert await memory.load(third.key, third.app) == third


# --- while a session is being moved, created or ended ----------------------------------------------------------------


@pytest.mark.parametrize(("move", "error"), [(renewed, Conflict), (signed_in, Gone)])
@pytest.mark.parametrize("where", ["pause", "pause_after"])
@pytest.mark.parametrize("queued", [False, True])
async def test_a_change_waits_for_a_move_and_is_not_queued_at_the_old_key(
    node: BehindStore, inner: WatchedStore, clock: FakeClock, *, move: Any, error: Any, where: str, queued: bool
) -> None:
    record = await created(node, clock)
    if queued:
        record = await changed(node, record, cart=1)
    gate = getattr(inner, where)("save")
    moving = asyncio.create_task(move(node, record, clock))
    await gate.reached.wait()
    late = asyncio.create_task(changed(node, record, cart=2))
    await turns()
    assert not late.done()
    gate.opened.set()
    moved = await moving
    with pytest.raises(error):
        await late
    assert await node.load(moved.key, moved.app) == moved
    assert (node.depth, node.counts.dropped) == (0, 0)


@pytest.mark.parametrize("fields", [{"epoch": 1}, {}], ids=["handed over", "used"])
async def test_a_change_waits_for_a_save_that_passes_the_queue_by(
    node: BehindStore, inner: WatchedStore, clock: FakeClock, fields: dict[str, Any]
) -> None:
    record = await renewed(node, await created(node, clock), clock)
    record = await changed(node, record, cart=1)
    clock.advance(seconds=5)
    gate = inner.pause("save")
    new = records.newer(records.used(record, clock), data=record.data, **fields)  # the first use of the new key
    saving = asyncio.create_task(node.save(new, over=record))
    await gate.reached.wait()
    late = asyncio.create_task(changed(node, record, cart=2))
    await turns()
    gate.opened.set()
    await saving
    with pytest.raises(Conflict):
        await late
    assert await node.load(new.key, new.app) == new


@pytest.mark.parametrize("queued", [False, True])
async def test_a_session_that_ends_while_its_move_is_answered_is_not_known(
    node: BehindStore, inner: WatchedStore, clock: FakeClock, *, queued: bool
) -> None:
    record = await created(node, clock)
    if queued:
        record = await changed(node, record, cart=1)
    gate = inner.pause_after("save")
    moved = records.signed_in(record, clock, data=record.data)
    moving = asyncio.create_task(node.save(moved, over=record))
    await gate.reached.wait()
    assert await node.end(moved.key, moved.app, reason="revoked", lease=30) == moved
    gate.opened.set()
    await moving
    with pytest.raises(Gone):
        await changed(node, moved, cart=2)
    assert (node.depth, node.counts.dropped) == (0, 0)


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("move", [renewed, signed_in])
@pytest.mark.parametrize("queued", [False, True])
async def test_after_a_move_whose_answer_was_lost_a_session_is_served_where_it_is(
    node: BehindStore,
    inner: WatchedStore,
    memory: MemoryStore,
    dropped: list[Record],
    clock: FakeClock,
    *,
    move: Callable[..., Awaitable[Record]],
    stored: bool,
    queued: bool,
) -> None:
    record = await created(node, clock)
    if queued:
        record = await changed(node, record, cart=1)
    lose_the_answer(inner, stored=stored)
    with pytest.raises(OutcomeUnknown):
        await move(node, record, clock)
    by_old_key = await node.load(record.key, record.app)
    if not stored:
        assert by_old_key == record
        await changed(node, record, cart=2)
    elif move is signed_in:
        assert by_old_key is None
        with pytest.raises(Gone):
            await changed(node, record, cart=2)
    else:
        assert by_old_key is not None
        assert held(by_old_key) == held(record)
        assert by_old_key.key != record.key
        with pytest.raises(Conflict):
            await changed(node, record, cart=2)
        await changed(node, by_old_key, cart=2)
    await node.flush()
    [kept] = memory._memory._records.values()
    assert held(kept) == ({"cart": 1} if queued else {}) if stored and move is signed_in else {"cart": 2}
    assert (node.depth, dropped) == (0, [])


async def test_a_move_that_is_cancelled_leaves_nothing_at_the_old_key_that_is_not_there(
    node: BehindStore, inner: WatchedStore, dropped: list[Record], clock: FakeClock
) -> None:
    record = await changed(node, await created(node, clock), cart=1)
    gate = inner.pause_after("save")
    moving = asyncio.create_task(signed_in(node, record, clock))
    await gate.reached.wait()
    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving
    assert await node.load(record.key, record.app) is None
    assert (node.depth, dropped) == (0, [])


async def test_a_move_that_the_store_refuses_leaves_what_is_queued(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    record = await changed(node, await created(node, clock), cart=1)
    inner.break_down()
    with pytest.raises(StoreUnavailable):
        await signed_in(node, record, clock)
    inner.before.clear()
    assert await node.load(record.key, record.app) == record
    await node.flush()
    assert await memory.load(record.key, record.app) == record


@pytest.mark.parametrize("where", ["pause", "pause_after"])
async def test_a_change_during_an_end_is_carried_or_gone_and_never_brought_back(
    node: BehindStore, inner: WatchedStore, clock: FakeClock, where: str
) -> None:
    first = await created(node, clock)
    gate = getattr(inner, where)("end")
    ending = asyncio.create_task(node.end(first.key, first.app, reason="signed-out", lease=30))
    await gate.reached.wait()
    second = await changed(node, first, cart=1)
    gate.opened.set()
    assert await ending == second
    assert await node.load(first.key, first.app) is None
    assert node.depth == 0


async def test_an_end_whose_answer_was_lost_ends_what_is_queued_when_it_is_asked_for_again(
    node: BehindStore, inner: WatchedStore, dropped: list[Record], clock: FakeClock
) -> None:
    second = await changed(node, await created(node, clock), cart=1)
    inner.after["end"] = answer_is_lost
    with pytest.raises(OutcomeUnknown):
        await node.end(second.key, second.app, reason="signed-out", lease=30)
    inner.after.clear()
    assert await node.end(second.key, second.app, reason="signed-out", lease=30) is None
    assert await node.load(second.key, second.app) is None
    assert (node.depth, dropped) == (0, [second])


async def test_a_session_that_ends_while_its_creation_is_answered_is_not_known(
    node: BehindStore, inner: WatchedStore, clock: FakeClock
) -> None:

    record = records.new(clock)
    gate = inner.pause_after("save")
    creating = asyncio.create_task(node.save(record, over=None))
    await gate.reached.wait()
    assert await node.end(record.key, record.app, reason="revoked", lease=30) == record
    gate.opened.set()
    await creating
    with pytest.raises(Gone):
        await changed(node, record, cart=1)
    assert node.depth == 0


# --- while a session is being loaded ---------------------------------------------------------------------------------


async def test_a_load_that_began_before_a_save_does_not_bring_the_older_one(
    node: BehindStore, inner: WatchedStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    gate = inner.pause_after("load")
    loading = asyncio.create_task(node.load(first.key, first.app))
    await gate.reached.wait()
    second = await changed(node, first, cart=1)
    await node.flush()
    assert node.depth == 0
    gate.opened.set()
    assert await loading == second


async def test_a_load_that_began_before_a_change_brings_the_change(
    node: BehindStore, inner: WatchedStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    gate = inner.pause_after("load")
    loading = asyncio.create_task(node.load(first.key, first.app))
    await gate.reached.wait()
    second = await changed(node, first, cart=1)
    gate.opened.set()
    assert await loading == second


async def test_a_load_that_began_before_an_end_brings_nothing_back(
    node: BehindStore, inner: WatchedStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    gate = inner.pause_after("load")
    loading = asyncio.create_task(node.load(first.key, first.app))
    await gate.reached.wait()
    await node.end(first.key, first.app, reason="signed-out", lease=30)
    gate.opened.set()
    assert await loading is None
    with pytest.raises(Gone):
        await changed(node, first, cart=1)
    assert node.depth == 0
