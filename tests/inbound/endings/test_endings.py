"""An end is announced before it is forgotten, so it is never lost; where nobody listens it is one step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets
from tests.fixtures.watched import WatchedStore, fails

from sojourn import Session, Sessions
from sojourn.core.events import Event, Reason, SessionEnded
from sojourn.inbound.ending.endings import LEASE
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


def ended(told: list[Event]) -> list[tuple[str, Reason]]:
    return [(event.ref, event.reason) for event in told if isinstance(event, SessionEnded)]


async def ref_of(visitor: Visitor) -> str:
    return str((await visitor.ask(lambda session: session.ref)).value)


async def test_an_end_that_nobody_listens_to_is_one_operation(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    await visitor.ask(Session.end)
    assert store.calls == ["load", "delete"]


async def test_an_end_that_somebody_listens_to_is_announced_before_it_is_forgotten(
    visitor: Visitor, store: WatchedStore, told: list[Event]
) -> None:
    await visitor.ask(sets(a=1))
    ref = await ref_of(visitor)
    store.calls.clear()
    told_at_forget: list[int] = []

    async def before(*_: object) -> None:
        told_at_forget.append(len(ended(told)))

    store.before["forget"] = before
    await visitor.ask(Session.end)
    assert store.calls == ["load", "end", "forget"]
    assert (ended(told), told_at_forget) == ([(ref, "signed-out")], [1])


async def test_an_end_is_announced_by_another_node_when_the_one_that_ended_dies_before(
    visitor: Visitor, store: WatchedStore, make: Make, clock: FakeClock
) -> None:
    """It has claimed the session, and got no further."""
    visitor.sessions.listen(lambda _event: None)
    await visitor.ask(sets(a=1))
    ref = await ref_of(visitor)
    gate = store.pause_after("end")
    dying = asyncio.create_task(visitor.sessions.end(ref))
    await gate.reached.wait()
    dying.cancel()
    await asyncio.wait([dying])
    told: list[Event] = []
    other = make()
    other.listen(told.append)
    assert (await visitor.twin(other).ask(everything)).value == {}
    assert await other.sweep() == 0
    clock.advance(seconds=LEASE + 1)
    assert await other.sweep() == 1
    assert ended(told) == [(ref, "revoked")]
    assert await other.sweep() == 0


@pytest.mark.parametrize("step", ["claim", "end"])
async def test_who_stood_still_until_the_claim_ran_out_leaves_the_end_to_the_one_who_has_it_by_now(
    make: Make, store: WatchedStore, clock: FakeClock, step: str
) -> None:
    told: list[list[Event]] = [[], []]
    nodes = [make(), make()]
    for node, heard in zip(nodes, told, strict=True):
        node.listen(heard.append, SessionEnded)
        node._endings.monotonic = clock
    visitor = Visitor(nodes[0])
    await visitor.ask(sets(a=1))
    ref = await ref_of(visitor)
    if step == "claim":
        clock.advance(hours=1)
    gate = store.pause_after(step)
    late = asyncio.create_task(nodes[0].sweep() if step == "claim" else nodes[0].end(ref))
    await gate.reached.wait()
    clock.advance(seconds=LEASE)
    assert await nodes[1].sweep() == 1
    gate.opened.set()
    await late
    assert [len(heard) for heard in told] == [0, 1]


async def test_an_end_that_could_not_be_forgotten_is_announced_again_and_stands(
    visitor: Visitor, store: WatchedStore, clock: FakeClock, told: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    await visitor.ask(sets(a=1))
    ref = await ref_of(visitor)
    store.before["forget"] = fails
    with caplog.at_level(logging.WARNING):
        answer = await visitor.ask(Session.end)
    assert (answer.status, "again" in caplog.text) == (200, True)
    store.before.clear()
    clock.advance(seconds=LEASE + 1)
    assert await visitor.sessions.sweep() == 1
    assert ended(told) == [(ref, "signed-out")] * 2
    assert len({event.event_id for event in told if isinstance(event, SessionEnded)}) == 1


async def test_an_end_tells_what_was_stored_last_whatever_its_request_had_loaded(
    visitor: Visitor, told: list[Event]
) -> None:
    async def act(session: Session) -> None:
        everything(session)
        await visitor.twin().ask(sets(b=2))
        session.end()

    await visitor.ask(sets(a=1))
    await visitor.ask(act)
    (event,) = [event for event in told if isinstance(event, SessionEnded)]
    assert event.attributes() == {"a": 1, "b": 2}


async def test_in_a_store_that_only_deletes_an_end_is_told_all_the_same(
    make: Make, store: WatchedStore, told: list[Event]
) -> None:
    class Plain:
        load, save, touch, delete = store.load, store.save, store.touch, store.delete

    visitor = Visitor(make(store=Plain()))
    visitor.sessions.listen(told.append)
    await visitor.ask(sets(a=1))
    ref = await ref_of(visitor)
    await visitor.ask(Session.end)
    assert ended(told) == [(ref, "signed-out")]
