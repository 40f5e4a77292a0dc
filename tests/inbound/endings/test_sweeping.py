"""Expired sessions are removed and announced, once, by whichever node comes first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Lifetime, Sessions
from sojourn.core.events import Event, SessionEnded
from sojourn.errors import StoreUnavailable
from sojourn.inbound.ending import sweeping
from sojourn.inbound.ending.endings import LEASE
from sojourn.store import open_store
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


def ended(told: list[Event]) -> list[SessionEnded]:
    return [event for event in told if isinstance(event, SessionEnded)]


async def test_what_has_expired_is_announced_once_with_what_it_held(
    visitor: Visitor, clock: FakeClock, told: list[Event]
) -> None:
    await visitor.ask(lambda s: (sets(cart=["pen"], n=1)(s), signs_in("alice")(s)))
    ref = (await visitor.ask(lambda s: s.ref)).value
    clock.advance(hours=1)
    assert [await visitor.sessions.sweep() for _ in range(2)] == [1, 0]
    (event,) = ended(told)
    assert (event.ref, event.app, event.principal, event.reason) == (ref, "default", "alice", "idle")
    assert (event.event_id, event.attributes()) == (f"default/{ref}/ended", {"cart": ["pen"], "n": 1})
    assert "pen" not in repr(event)


async def test_the_absolute_end_is_told_from_the_idle_one(make: Make, clock: FakeClock, told: list[Event]) -> None:
    sessions = make(lifetime=Lifetime(absolute=timedelta(minutes=5)))
    sessions.listen(told.append)
    await Visitor(sessions).ask(sets(a=1))
    clock.advance(minutes=10)
    await sessions.sweep()
    assert [event.reason for event in ended(told)] == ["absolute"]


async def test_what_lives_is_not_swept(visitor: Visitor, clock: FakeClock, told: list[Event]) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(minutes=29)
    assert await visitor.sessions.sweep() == 0
    assert (await visitor.ask(everything)).value == {"a": 1}
    assert ended(told) == []


async def test_more_than_one_batch_is_swept_at_once(visitor: Visitor, clock: FakeClock, told: list[Event]) -> None:
    for number in range(sweeping.BATCH + 5):
        await Visitor(visitor.sessions).ask(sets(number=number))
    clock.advance(hours=1)
    assert await visitor.sessions.sweep() == sweeping.BATCH + 5
    assert {event.attributes()["number"] for event in ended(told)} == set(range(sweeping.BATCH + 5))


async def test_two_nodes_that_sweep_one_file_at_once_announce_each_end_once(tmp_path: Path, clock: FakeClock) -> None:
    told: list[Event] = []
    nodes = [Sessions(open_store(f"sqlite:///{tmp_path}/shared.db", clock=clock), clock=clock) for _ in range(2)]
    for node in nodes:
        node.listen(told.append)
    for number in range(300):
        await Visitor(nodes[number % 2]).ask(sets(number=number))
    clock.advance(hours=1)
    swept = await asyncio.gather(*(node.sweep() for node in nodes for _ in range(2)))
    assert sum(swept) == 300
    assert sorted(event.attributes()["number"] for event in ended(told)) == list(range(300))
    for node in nodes:
        await node.close()


async def test_a_listener_that_raises_stops_neither_the_sweep_nor_other_listeners(
    visitor: Visitor, clock: FakeClock, told: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: Event) -> None:
        raise ZeroDivisionError

    visitor.sessions.listen(broken)  # of an end, those who came last hear first
    await visitor.ask(sets(a=1))
    await Visitor(visitor.sessions).ask(sets(a=1))
    clock.advance(hours=1)
    with caplog.at_level(logging.CRITICAL):
        assert await visitor.sessions.sweep() == 2
    assert len(ended(told)) == 2
    assert await visitor.sessions.sweep() == 0


async def test_a_node_that_dies_before_it_forgets_leaves_the_announcement_to_another(
    visitor: Visitor, store: WatchedStore, make: Make, clock: FakeClock, told: list[Event]
) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(hours=1)
    gate = store.pause("forget")
    dying = asyncio.create_task(visitor.sessions.sweep())
    await gate.reached.wait()
    dying.cancel()
    await asyncio.wait([dying])
    first = ended(told)[:]
    other = make()
    other.listen(told.append)
    assert await other.sweep() == 0
    clock.advance(seconds=LEASE)
    assert await other.sweep() == 1
    assert [event.event_id for event in ended(told)] == [first[0].event_id] * 2
    assert await other.sweep() == 0


async def test_a_sweep_runs_by_itself_and_survives_an_outage(
    visitor: Visitor, store: WatchedStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "INTERVAL", 0)
    await visitor.ask(sets(a=1))
    clock.advance(hours=1)
    outages = 0

    async def fails_at_first(*_: object) -> None:
        nonlocal outages
        outages += 1
        if outages == 1:
            raise StoreUnavailable("the store is out of reach; start it")

    store.before["claim"] = fails_at_first
    forgotten = store.pause_after("forget")
    await visitor.sessions.start()
    await forgotten.reached.wait()
    forgotten.opened.set()
    assert outages > 1
    await visitor.sessions.close()
    await visitor.sessions.close()


async def test_a_request_with_a_session_starts_the_sweeping(
    visitor: Visitor, clock: FakeClock, told: list[Event]
) -> None:
    await visitor.ask(sets(a=1))
    await visitor.ask(everything)
    assert visitor.sessions._sweeper is not None
    task = visitor.sessions._sweeper._task
    assert task is not None
    await visitor.ask(everything)
    assert visitor.sessions._sweeper._task is task


async def test_a_store_that_forgets_by_itself_is_not_swept(make: Make) -> None:
    class Plain:
        async def touch(self, *_: object) -> bool:
            return False

        load = save = delete = touch

    sessions = make(store=Plain())
    assert await sessions.sweep() == 0
    await sessions.start()
    await sessions.close()


async def test_what_is_being_swept_cannot_be_saved_any_more(
    visitor: Visitor, clock: FakeClock, store: WatchedStore, told: list[Event]
) -> None:
    await visitor.ask(sets(a=1))

    async def act(session: object) -> None:
        clock.advance(hours=1)
        await visitor.sessions.sweep()
        session["a"] = 2  # type: ignore[index]

    answer = await visitor.ask(act)
    assert answer.cookies == {}
    assert [type(event).__name__ for event in told] == ["SessionCreated", "SessionEnded", "ChangesDropped"]
    assert await visitor.sessions.find() == []
