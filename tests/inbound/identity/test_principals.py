"""Whose a session is: what one principal leaves to another, and an end that a sign-in cannot outrun."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import Gate, WatchedStore
from tests.inbound.conftest import Seen

from sojourn import Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.errors import NotStorable

Make = Callable[..., Sessions]


async def test_what_a_visitor_left_before_signing_in_is_kept(visitor: Visitor) -> None:
    await visitor.ask(sets(cart=["pen"]))
    await visitor.ask(signs_in("alice"))
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}


async def test_who_signs_in_again_keeps_everything(visitor: Visitor) -> None:
    await visitor.ask(signs_in("alice"))
    await visitor.ask(sets(cart=["pen"]))
    await visitor.ask(signs_in("alice"))
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}


@pytest.mark.parametrize("next_one", ["bob", None])
async def test_nothing_of_one_principal_is_left_to_the_next(visitor: Visitor, next_one: str | None) -> None:
    await visitor.ask(signs_in("alice"))
    await visitor.ask(sets(address="12 High Street", cart=["pen"]))

    def sign_in(session: Session) -> None:
        session["note"] = "of alice"
        session.principal = next_one
        session["greeting"] = "hello"

    await visitor.ask(sign_in)
    answer = await visitor.ask(lambda session: (everything(session), session.principal))
    assert answer.value == [{"greeting": "hello"}, next_one]


@pytest.mark.parametrize("name", ["ali\0ce", "ali\ud800ce"])
async def test_a_principal_that_not_every_store_can_keep_is_refused_before_any_is_asked(
    visitor: Visitor, store: WatchedStore, name: str
) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    with pytest.raises(NotStorable, match="principal") as caught:
        await visitor.ask(signs_in(name))
    assert "ali" not in str(caught.value)
    assert store.calls == ["load"]
    assert (await visitor.ask(everything)).value == {"a": 1}


@pytest.mark.parametrize("change", [Session.renew, signs_in("alice")])
async def test_an_end_ends_the_session_under_the_id_that_it_got_meanwhile(
    visitor: Visitor,
    make: Make,
    told: list[Event],
    change: Callable[[Session], None],
    *,
    another_node: bool,
    seen: Seen,
) -> None:
    await visitor.ask(sets(a=1))
    late = visitor.twin(make() if another_node else visitor.sessions)
    if late.sessions is not visitor.sessions:
        late.sessions.listen(told.append)
    handler = Gate()

    async def end(session: Session) -> None:
        everything(session)
        await handler()
        session.end()

    ending = asyncio.create_task(late.ask(end))
    await handler.reached.wait()
    await visitor.ask(change)
    handler.opened.set()
    assert (await ending).cookies == {"__Host-id": "", "__Host-id-v": ""}
    assert await visitor.sessions.find() == []
    assert (await seen(visitor, everything, {})).value == {}
    assert [event.reason for event in told if isinstance(event, events.SessionEnded)] == ["signed-out"]
