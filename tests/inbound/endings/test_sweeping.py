"""Expired sessions are removed and announced, once, by whichever node comes first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Lifetime, Sessions, Sweep
from sojourn.core.events import Event, SessionEnded
from sojourn.errors import SettingError, StoreUnavailable
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


async def test_where_nobody_listens_nothing_is_claimed_and_what_another_node_announces_is_left_to_it(
    visitor: Visitor, store: WatchedStore, make: Make, clock: FakeClock, told: list[Event]
) -> None:
    for number in range(3):
        await Visitor(visitor.sessions).ask(sets(number=number))
    clock.advance(hours=1)
    announcing, silent = visitor.sessions, make()
    gate = store.pause_after("claim")
    sweep = asyncio.create_task(announcing.sweep())
    await gate.reached.wait()
    store.calls.clear()
    assert await silent.sweep() == 0
    assert "claim" not in store.calls
    gate.opened.set()
    assert await sweep == 3
    assert len(ended(told)) == 3
    await Visitor(announcing).ask(sets(number=3))
    clock.advance(hours=1)
    assert await silent.sweep() == 1
    assert await announcing.sweep() == 0
    assert len(ended(told)) == 3


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


async def test_a_sweep_runs_by_itself_and_survives_an_outage(make: Make, store: WatchedStore, clock: FakeClock) -> None:
    sessions = make(sweep=Sweep(every=0.001))
    outages = 0

    async def fails_at_first(*_: object) -> None:
        nonlocal outages
        outages += 1
        if outages == 1:
            raise StoreUnavailable("the store is out of reach; start it")

    store.before["discard"] = fails_at_first  # before anything is asked: a first request lets the sweeps begin
    forgotten = store.pause_after("discard")
    await Visitor(sessions).ask(sets(a=1))
    clock.advance(hours=1)
    await sessions.start()
    await forgotten.reached.wait()
    forgotten.opened.set()
    assert outages > 1
    await sessions.close()
    await sessions.close()


NIGHT = (time(22, tzinfo=UTC), time(6, tzinfo=UTC))
DAY = (time(8, 30, tzinfo=UTC), time(18, tzinfo=UTC))


@pytest.mark.parametrize(
    ("quiet", "at", "rests"),
    [
        (DAY, time(8, 29, 59), False),
        (DAY, time(8, 30), True),
        (DAY, time(17, 59, 59), True),
        (DAY, time(18), False),
        (NIGHT, time(21, 59, 59), False),
        (NIGHT, time(22), True),
        (NIGHT, time(0), True),
        (NIGHT, time(5, 59, 59), True),
        (NIGHT, time(6), False),
        (None, time(12), False),
    ],
)
def test_quiet_hours_end_before_their_second_time(quiet: tuple[time, time] | None, at: time, rests: bool) -> None:
    now = datetime.combine(date(2027, 3, 1), at, UTC).timestamp()
    assert Sweep(quiet=quiet).rests_at(now) is rests


def test_quiet_hours_without_a_time_zone_are_those_of_the_machine() -> None:
    now = datetime(2027, 3, 1, 9).astimezone().timestamp()
    assert Sweep(quiet=(time(8), time(10))).rests_at(now)
    assert not Sweep(quiet=(time(10), time(12))).rests_at(now)


async def test_no_sweep_begins_in_quiet_hours_unless_it_is_asked_for(
    make: Make, store: WatchedStore, clock: FakeClock
) -> None:
    looked = asyncio.Event()
    quiet = (datetime.fromtimestamp(clock.now, UTC).timetz(), datetime.fromtimestamp(clock.now + 7200, UTC).timetz())

    class Watched(FakeClock):
        looks = 0

        def __call__(self) -> float:
            if asyncio.current_task() is sweeping_task():
                self.looks += 1
                if self.looks == 3:
                    looked.set()
            return clock.now

    def sweeping_task() -> object:
        return None if sessions._sweeper is None else sessions._sweeper._task

    sessions = make(sweep=Sweep(every=0.001, quiet=quiet), clock=Watched())
    await Visitor(sessions).ask(sets(a=1))
    clock.advance(hours=1)
    await sessions.start()
    await looked.wait()
    assert "discard" not in store.calls
    assert await sessions.sweep() == 1
    swept = store.pause_after("discard")
    clock.advance(hours=1)
    await swept.reached.wait()
    swept.opened.set()


@pytest.mark.parametrize(
    "settings",
    [
        {"every": 0},
        {"every": -1.0},
        {"every": float("inf")},
        {"every": float("nan")},
        {"quiet": time(8)},
        {"quiet": (time(8), time(8))},
        {"quiet": (time(8), time(18, tzinfo=UTC))},
        {"quiet": (8, 18)},
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="Sweep"):
        Sweep(**settings)


async def test_a_session_that_cannot_be_read_is_swept_and_announced_as_the_others_are(
    visitor: Visitor, store: WatchedStore, clock: FakeClock, told: list[Event]
) -> None:
    await visitor.ask(sets(a=1))
    (record,) = await visitor.sessions.find()
    await store.store.save(msgspec.structs.replace(record, version=2, data=b"\xc1 broken"), over=record)
    await Visitor(visitor.sessions).ask(sets(a=2))
    clock.advance(hours=1)
    assert await visitor.sessions.sweep() == 2
    assert sorted(len(event.attributes()) for event in ended(told)) == [0, 1]


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

    sessions = make(store=Plain(), near=None)
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
