"""A certificate's session in doubt and in a race: what a key that is used again must not lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.fixtures.visitor import everything, sets, signs_in
from tests.fixtures.watched import WatchedStore, fails
from tests.inbound.tracking.test_certificates import TRACKING, Client

from sojourn import Lifetime, Session, Sessions
from sojourn.core import events
from sojourn.errors import OutcomeUnknown
from sojourn.inbound import doubt
from sojourn.testing import FakeClock

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]
Between = Callable[[], Awaitable[Any]]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubt, "PAUSES", (0,) * len(doubt.PAUSES))


@pytest.fixture(params=["never arrived", "was made"])
def lose(request: pytest.FixtureRequest, store: WatchedStore) -> Callable[[Between | None], None]:
    """Loses the answer to the next save, after something else has happened."""

    def lose(between: Between | None = None) -> None:
        where = store.before if request.param == "never arrived" else store.after

        async def step(*_: Any) -> None:
            del where["save"]
            if between is not None:
                await between()
            raise OutcomeUnknown("the answer was lost; look what is stored")

        where["save"] = step

    return lose


@pytest.fixture(params=[False, True], ids=["unheard", "heard"])
def sessions(request: pytest.FixtureRequest, make: Make) -> Sessions:
    sessions = make(tracking=TRACKING, lifetime=Lifetime(idle=600))
    if request.param:
        sessions.listen(lambda _: None)
    return sessions


async def test_a_session_whose_beginning_is_in_doubt_begins_once(sessions: Sessions, lose: Callable[..., None]) -> None:
    client = Client(sessions)
    lose()
    ref = (await client.ask(lambda s: (s.update(a=1), s.ref)[1])).value
    assert (await client.ask(everything)).value == {"a": 1}
    assert [(record.ref, record.version) for record in await sessions.find()] == [(ref, 1)]


async def test_what_another_has_begun_meanwhile_is_gone_on_with(
    make: Make, store: WatchedStore, lose: Callable[..., None]
) -> None:
    """Whoever is told of a session that was not made goes on in the one that was."""
    sessions = make(tracking=TRACKING)
    client = Client(sessions)
    lose(lambda: Client(make(tracking=TRACKING)).ask(sets(b=2)))  # at another node
    await client.ask(sets(a=1))
    assert (await client.ask(everything)).value == {"a": 1, "b": 2}
    assert len(await sessions.find()) == 1


async def test_a_sign_in_in_doubt_happens_once(sessions: Sessions, lose: Callable[..., None]) -> None:
    client = Client(sessions)
    await client.ask(sets(a=1))
    lose()
    await client.ask(signs_in("alice"))
    assert (await client.ask(lambda s: [s.principal, s["a"]])).value == ["alice", 1]
    assert [record.epoch for record in await sessions.find()] == [1]


async def test_who_begins_while_the_last_one_is_announced_waits_for_that(make: Make, store: WatchedStore) -> None:
    sessions = make(tracking=TRACKING)
    told: list[events.Event] = []
    sessions.listen(told.append)
    client = Client(sessions)
    await client.ask(sets(a=1))
    announcing = store.pause("forget")
    ending = asyncio.create_task(client.ask(Session.end))
    await announcing.reached.wait()
    beginning = asyncio.create_task(client.ask(sets(b=2)))
    await _asked(store, "save", 3)  # it has tried, and tries again
    announcing.opened.set()
    await asyncio.gather(ending, beginning)
    assert (await client.ask(everything)).value == {"b": 2}
    assert sum(isinstance(event, events.SessionEnded) for event in told) == 1


async def test_a_right_that_cannot_be_given_back_costs_the_visitor_nothing(make: Make, store: WatchedStore) -> None:
    sessions = make(tracking=TRACKING)
    sessions.listen(lambda _: None)
    store.before["release"] = fails
    client = Client(sessions)
    assert (await client.ask(sets(a=1))).status == 200
    store.before.clear()
    assert (await client.ask(everything)).value == {"a": 1}


async def test_what_another_begins_while_the_expired_one_is_announced_is_not_ended_with_it(
    make: Make, store: WatchedStore, clock: FakeClock
) -> None:
    sessions = make(tracking=TRACKING, lifetime=Lifetime(idle=600))
    told: list[events.Event] = []
    sessions.listen(told.append)
    client = Client(sessions)
    await client.ask(sets(a=1))
    clock.advance(seconds=700)
    ending = store.pause("end")
    first = asyncio.create_task(client.ask(sets(b=2)))
    await ending.reached.wait()
    second = asyncio.create_task(client.ask(sets(c=3)))
    await _asked(store, "hold", 3)  # it has asked for the right, and asks again
    ending.opened.set()
    await asyncio.gather(first, second)
    assert (await client.ask(everything)).value == {"b": 2, "c": 3}
    ended = [event for event in told if isinstance(event, events.SessionEnded)]
    assert [event.attributes() for event in ended] == [{"a": 1}]


async def test_a_near_copy_of_an_ended_session_is_not_taken_for_the_one_that_follows_it(
    make: Make, store: WatchedStore
) -> None:
    """Versions begin anew at the same key."""
    sessions = make(tracking=TRACKING)
    client = Client(sessions)
    for n in range(5):
        await client.ask(sets(n=n))
    await client.ask(Session.end)
    assert (await client.ask(everything)).value == {}
    await client.ask(sets(b=1))
    other = Client(make(tracking=TRACKING))
    assert (await other.ask(everything)).value == {"b": 1}
    await other.ask(sets(c=2))
    assert (await client.ask(everything)).value == {"b": 1, "c": 2}


async def _asked(store: WatchedStore, name: str, times: int) -> None:
    while store.calls.count(name) < times:  # noqa: ASYNC110 - a few turns of the loop
        await asyncio.sleep(0)
