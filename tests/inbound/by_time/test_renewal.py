"""New ids for a session: at a sign-in, by hand, and when the old one has had its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore
from tests.inbound.conftest import Seen

from sojourn import Lifetime, Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.core.lifetime import GRACE
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]
RENEW = timedelta(minutes=10)


@pytest.fixture
def sessions(make: Make) -> Sessions:
    return make(lifetime=Lifetime(renew=RENEW, idle=timedelta(hours=2)))


async def test_fifty_requests_at_the_moment_of_a_renewal_all_succeed_and_make_one_new_id(
    visitor: Visitor, clock: FakeClock, store: WatchedStore
) -> None:
    await visitor.ask(sets(a=1))
    old = visitor.id
    clock.advance(minutes=10)
    together = asyncio.Barrier(50)

    async def act(session: Session) -> Any:
        await together.wait()
        return dict(session)

    tabs = [visitor.twin() for _ in range(50)]
    answers = await asyncio.gather(*(tab.ask(act) for tab in tabs))
    assert [(answer.status, answer.value) for answer in answers] == [(200, {"a": 1})] * 50
    assert len(await visitor.sessions.find()) == 1
    ids = {tab.id for tab in tabs} - {old}
    assert len(ids) == 1
    for tab in tabs:
        assert (await tab.ask(everything)).value == {"a": 1}


@pytest.mark.usefixtures("sync")
async def test_fifty_requests_at_two_nodes_make_one_new_id(
    visitor: Visitor, clock: FakeClock, make: Make, seen: Seen
) -> None:
    other = make(lifetime=visitor.sessions.lifetime)
    await visitor.ask(sets(a=1))
    old = visitor.id
    clock.advance(minutes=10)
    tabs = [visitor.twin(node) for node in (visitor.sessions, other) for _ in range(25)]
    answers = await asyncio.gather(*(tab.ask(sets(**{f"n{n}": n})) for n, tab in enumerate(tabs)))
    assert {answer.status for answer in answers} == {200}
    assert len({tab.id for tab in tabs} - {old}) == 1
    assert (await seen(tabs[0], len, 51)).value == 51


async def test_an_id_that_had_its_time_is_renewed_by_a_request_that_looks(visitor: Visitor, clock: FakeClock) -> None:
    await visitor.ask(sets(a=1))
    old = visitor.id
    clock.advance(minutes=9)
    await visitor.ask(everything)
    assert visitor.id == old
    clock.advance(minutes=1)
    await visitor.ask(lambda _: None)
    assert visitor.id == old
    await visitor.ask(everything)
    assert visitor.id != old


async def test_a_new_id_that_got_lost_is_renewed_again_after_the_grace(visitor: Visitor, clock: FakeClock) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(minutes=10)
    (lost,) = [line for name, line in (await visitor.call(_look, keep=False)).cookies.items() if name == "__Host-id"]
    clock.advance(seconds=GRACE - 1)
    answer = await visitor.ask(everything)
    assert (answer.value, answer.cookies) == ({"a": 1}, {})
    clock.advance(seconds=1)
    answer = await visitor.ask(everything)
    assert answer.value == {"a": 1}
    assert visitor.id not in {lost, ""}
    assert (await visitor.ask(everything)).value == {"a": 1}
    assert len(await visitor.sessions.find()) == 1


async def _look(scope: Any, receive: Any, send: Any) -> None:
    everything(scope["session"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


async def test_an_old_id_is_followed_until_the_grace_after_the_first_use_of_the_new(
    visitor: Visitor, clock: FakeClock
) -> None:
    await visitor.ask(sets(a=1))
    old = visitor.twin()
    clock.advance(minutes=10)
    await visitor.ask(everything)
    clock.advance(seconds=5)
    await visitor.ask(everything)
    await visitor.sessions.flush()
    clock.advance(seconds=GRACE - 1)
    assert (await old.twin().ask(everything)).value == {"a": 1}
    clock.advance(seconds=1)
    assert (await old.ask(everything)).value == {}
    assert (await visitor.ask(everything)).value == {"a": 1}


@pytest.mark.parametrize("change", [sets(b=2), Session.end])
async def test_a_request_by_the_old_id_changes_the_one_session(
    visitor: Visitor, clock: FakeClock, change: Callable[[Session], Any]
) -> None:
    await visitor.ask(sets(a=1))
    old = visitor.twin()
    clock.advance(minutes=10)
    await visitor.ask(everything)
    await old.ask(change)
    expected = {} if change is Session.end else {"a": 1, "b": 2}
    assert (await visitor.ask(everything)).value == expected


async def test_a_request_that_began_before_a_renewal_keeps_its_changes_and_sets_no_cookie(
    visitor: Visitor, clock: FakeClock, told: list[Event]
) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(minutes=9, seconds=59)
    slow = visitor.twin()

    async def act(session: Session) -> None:
        session["slow"] = 1
        clock.advance(seconds=1)
        await visitor.ask(everything)
        clock.now -= 1

    answer = await slow.ask(act)
    assert answer.cookies == {}
    assert (await visitor.ask(everything)).value == {"a": 1, "slow": 1}
    assert sum(isinstance(event, events.IdRenewed) for event in told) == 1


# --- sign-in ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [signs_in("alice"), signs_in(None), Session.renew])
async def test_the_old_id_dies_at_once_at_a_sign_in(
    visitor: Visitor, told: list[Event], change: Callable[[Session], Any]
) -> None:
    await visitor.ask(sets(a=1))
    old = visitor.twin()
    await visitor.ask(change)
    assert (await old.ask(everything)).value == {}
    assert (await visitor.ask(everything)).value == {"a": 1}
    (event,) = [event for event in told if isinstance(event, events.IdRenewed)]
    assert event.epoch == 1


async def test_what_a_stranger_planted_is_not_what_the_visitor_signs_in_with(visitor: Visitor) -> None:
    stranger = Visitor(visitor.sessions)
    await stranger.ask(sets(planted=1))
    visitor.jar = dict(stranger.jar)
    await visitor.ask(signs_in("alice"))
    assert visitor.id != stranger.id
    assert (await stranger.ask(lambda s: s.principal)).value is None


async def test_the_ref_stays_over_all_renewals(visitor: Visitor, clock: FakeClock) -> None:
    await visitor.ask(sets(a=1))
    ref = (await visitor.ask(lambda s: s.ref)).value
    await visitor.ask(signs_in("alice"))
    clock.advance(minutes=10)
    await visitor.ask(everything)
    assert (await visitor.ask(lambda s: s.ref)).value == ref


# --- lifetime --------------------------------------------------------------------------------------------------------


async def test_a_session_that_is_not_used_ends(make: Make, clock: FakeClock) -> None:
    visitor = Visitor(make(lifetime=Lifetime(idle=600)))
    await visitor.ask(sets(a=1))
    for _ in range(5):
        clock.advance(seconds=600)
        assert (await visitor.ask(everything)).value == {"a": 1}
        await visitor.sessions.flush()
    clock.advance(seconds=600 + visitor.sessions.lifetime.slack)
    assert (await visitor.ask(everything)).value == {}


async def test_no_use_puts_off_the_absolute_end(make: Make, clock: FakeClock) -> None:
    visitor = Visitor(make(lifetime=Lifetime(absolute=3600)))
    await visitor.ask(sets(a=1))
    for second in range(0, 3600, 300):
        assert (await visitor.ask(sets(second=second))).status == 200
        await visitor.sessions.flush()
        clock.advance(seconds=300)
    assert (await visitor.ask(everything)).value == {}


async def test_a_request_that_began_in_time_keeps_its_session(make: Make, clock: FakeClock) -> None:
    visitor = Visitor(make(lifetime=Lifetime(idle=600)))
    await visitor.ask(sets(a=1))

    async def act(session: Session) -> None:
        clock.advance(seconds=650)
        session["a"] = 2

    await visitor.ask(act)
    assert (await visitor.ask(everything)).value == {"a": 2}
