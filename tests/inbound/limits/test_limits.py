"""How many sessions a principal may have: beyond that a sign-in is refused, or ends others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, get_args

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Limit, Session, Sessions
from sojourn.core.events import Event, SessionCreated, SessionEnded
from sojourn.errors import LimitReached, SettingError
from sojourn.store.base import WhenFull
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]

pytestmark = pytest.mark.usefixtures("once")


async def signed_in(sessions: Sessions, number: int, principal: str = "alice") -> list[Visitor]:
    visitors = [Visitor(sessions) for _ in range(number)]
    for visitor in visitors:
        await visitor.ask(signs_in(principal))
    return visitors


async def known(visitors: list[Visitor]) -> list[str | None]:
    return [(await visitor.ask(lambda session: session.principal)).value for visitor in visitors]


@pytest.fixture
def refusing(make: Make) -> Sessions:
    return make(limit=Limit(per_principal=2))


async def test_a_sign_in_beyond_the_limit_is_answered_with_429_in_place_of_what_the_handler_says(
    refusing: Sessions,
) -> None:
    visitors = await signed_in(refusing, 2)
    late = Visitor(refusing)
    answer = await late.ask(lambda session: (signs_in("alice")(session), "welcome, alice")[1])
    assert (answer.status, answer.cookies, late.jar) == (429, {}, {})
    assert "alice" not in answer.body
    assert await known(visitors) == ["alice", "alice"]
    assert len(await refusing.find()) == 2


async def test_who_is_refused_keeps_the_session_that_was_there(refusing: Sessions) -> None:
    await signed_in(refusing, 2)
    late = Visitor(refusing)
    await late.ask(sets(cart=["pen"]))
    jar = dict(late.jar)
    answer = await late.ask(lambda session: (sets(welcomed=True)(session), signs_in("alice")(session))[1])
    assert (answer.status, late.jar) == (429, jar)
    assert (await late.ask(lambda s: [everything(s), s.principal, s.version])).value == [{"cart": ["pen"]}, None, 1]


async def test_somebody_else_and_nobody_are_not_kept_out(refusing: Sessions) -> None:
    await signed_in(refusing, 2)
    assert await known(await signed_in(refusing, 2, "bob")) == ["bob", "bob"]
    assert (await Visitor(refusing).ask(sets(a=1))).status == 200


async def test_a_renewal_a_change_and_a_second_sign_in_of_the_same_are_not_counted_again(refusing: Sessions) -> None:
    visitors = await signed_in(refusing, 2)
    for act in (Session.renew, sets(a=1), signs_in("alice")):
        assert (await visitors[0].ask(act)).status == 200
    assert await known(visitors) == ["alice", "alice"]


async def test_a_sign_out_and_an_expiry_make_room(refusing: Sessions, clock: FakeClock) -> None:
    visitors = await signed_in(refusing, 2)
    await visitors[0].ask(Session.end)
    assert (await Visitor(refusing).ask(signs_in("alice"))).status == 200
    clock.advance(hours=1)
    assert len(await signed_in(refusing, 2)) == 2
    assert len(await refusing.find(principal="alice")) == 2


async def test_who_takes_over_a_session_of_another_is_counted(refusing: Sessions) -> None:
    await signed_in(refusing, 2)
    (bob,) = await signed_in(refusing, 1, "bob")
    assert (await bob.ask(signs_in("alice"))).status == 429
    assert await known([bob]) == ["bob"]


async def test_a_save_by_hand_is_refused_where_it_is_asked_for(refusing: Sessions) -> None:
    await signed_in(refusing, 2)

    async def act(session: Session) -> str:
        session.principal = "alice"
        with pytest.raises(LimitReached):
            await session.save()
        session.principal = "bob"
        return "welcome, bob"

    assert (await Visitor(refusing).ask(act)).value == "welcome, bob"


@pytest.mark.parametrize(("when_full", "left"), [("end-oldest", [1, 2]), ("end-least-used", [0, 2])])
async def test_others_end_and_that_is_announced(
    make: Make, clock: FakeClock, when_full: WhenFull, left: list[int]
) -> None:
    sessions, told = make(limit=Limit(per_principal=2, when_full=when_full)), list[Event]()
    sessions.listen(told.append)
    visitors = []
    for _ in range(2):
        visitors += await signed_in(sessions, 1)
        clock.advance(minutes=5)
    await visitors[0].ask(everything)
    await sessions.flush()
    refs = [(await visitor.ask(lambda session: session.ref)).value for visitor in visitors]
    await sessions.flush()
    if when_full == "end-least-used":
        clock.advance(minutes=5)
        await visitors[0].ask(everything)
        await sessions.flush()
    visitors += await signed_in(sessions, 1)
    assert [bool(name) for name in await known(visitors)] == [number in left for number in range(3)]
    ended = [(event.ref, event.reason) for event in told if isinstance(event, SessionEnded)]
    (gone,) = {0, 1} - set(left)
    assert ended == [(refs[gone], "evicted")]
    clock.advance(seconds=61)
    assert await sessions.sweep() == 0  # it is forgotten


@pytest.mark.parametrize("when_full", get_args(WhenFull))
async def test_many_who_sign_in_at_once_are_never_more(make: Make, when_full: WhenFull) -> None:
    nodes = [make(limit=Limit(per_principal=5, when_full=when_full)) for _ in range(3)]
    told: list[Event] = []
    for node in nodes:
        node.listen(told.append)
    answers = await asyncio.gather(*(Visitor(nodes[n % 3]).ask(signs_in("alice")) for n in range(60)))
    assert len(await nodes[0].find(principal="alice")) == 5
    created, ended = (sum(isinstance(event, kind) for event in told) for kind in (SessionCreated, SessionEnded))
    assert (created - ended, sum(answer.status == 200 for answer in answers)) == (5, created)
    assert {answer.status for answer in answers} == ({200, 429} if when_full == "refuse" else {200})


async def test_no_admission_is_asked_for_where_there_is_no_limit(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(signs_in("alice"))
    assert "admit" not in store.calls


@pytest.mark.parametrize("limit", [{"per_principal": 0}, {"per_principal": 1.5}, {"when_full": "end"}])
def test_a_limit_that_makes_no_sense_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="Limit"):
        Limit(**limit)


def test_a_limit_needs_a_store_that_can_hold_to_it(make: Make) -> None:
    class Plain:
        async def load(self, *_: object) -> None: ...

        save = touch = delete = load

    with pytest.raises(SettingError, match="Plain lacks `admit`"):
        make(store=Plain(), limit=Limit())
    with pytest.raises(SettingError, match="a Limit"):
        make(limit=1000)
