"""The route in the cookie: for the balancer, outside of the secret, and rewritten by the node that serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import Gate

from sojourn import Session, Sessions
from sojourn.core.events import AffinityBroken, Event
from sojourn.errors import SettingError

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]


@pytest.fixture
def first(make: Make) -> Visitor:
    """Somebody who has a session, made by the node n1."""
    return Visitor(make(route="n1"))


def routes(visitor: Visitor) -> tuple[int, str]:
    """The length of the secret, and what follows."""
    secret, _, route = visitor.id.partition(".")
    return len(secret), route


async def test_the_id_goes_along_with_the_route_and_is_the_same_without(first: Visitor) -> None:
    await first.ask(sets(a=1))
    assert routes(first) == (43, "n1")
    assert (await first.ask(lambda session: session.id)).value == first.id.partition(".")[0]
    assert (await first.ask(everything)).cookies == {}


async def test_another_node_serves_the_session_binds_it_to_itself_and_tells(first: Visitor, make: Make) -> None:
    other, told = make(route="n2"), list[Event]()
    other.listen(told.append)
    await first.ask(sets(a=1))
    secret = first.id.partition(".")[0]
    moved = first.twin(other)
    answer = await moved.ask(everything)
    assert (answer.value, answer.cookies) == ({"a": 1}, {"__Host-id": f"{secret}.n2"})
    assert answer.all("cache-control") == ["no-store"]
    assert [(type(event), getattr(event, "came_from", "")) for event in told] == [(AffinityBroken, "n1")]
    assert secret not in repr(told)
    assert (await moved.ask(everything)).cookies == {}
    assert len(told) == 1


async def test_a_request_that_does_not_use_the_session_binds_nothing(first: Visitor, make: Make) -> None:
    await first.ask(sets(a=1))
    answer = await first.twin(make(route="n2")).ask(lambda _session: None)
    assert (answer.cookies, answer.all("vary")) == ({}, [])


@pytest.mark.parametrize("act", [sets(b=2), signs_in("alice"), Session.renew], ids=["changes", "signs in", "renews"])
async def test_what_is_changed_renewed_or_signed_in_elsewhere_is_bound_there(
    first: Visitor, make: Make, act: Callable[[Session], None]
) -> None:
    await first.ask(sets(a=1))
    moved = first.twin(make(route="n2"))
    await moved.ask(act)
    assert routes(moved) == (43, "n2")
    assert (await moved.ask(lambda session: session["a"])).value == 1


async def test_an_end_elsewhere_clears_the_cookie(first: Visitor, make: Make) -> None:
    await first.ask(sets(a=1))
    moved = first.twin(make(route="n2"))
    await moved.ask(Session.end)
    assert moved.jar == {}


async def test_a_route_is_added_where_there_was_none_and_that_breaks_no_affinity(make: Make) -> None:
    visitor, later, told = Visitor(make()), make(route="n1"), list[Event]()
    later.listen(told.append)
    await visitor.ask(sets(a=1))
    moved = visitor.twin(later)
    await moved.ask(everything)
    assert (routes(moved), told) == ((43, "n1"), [])


async def test_a_node_without_a_route_serves_and_leaves_what_others_wrote(first: Visitor, make: Make) -> None:
    await first.ask(sets(a=1))
    answer = await first.twin(make()).ask(everything)
    assert (answer.value, answer.cookies) == ({"a": 1}, {})


async def test_a_route_that_is_made_up_changes_nothing_but_itself(first: Visitor) -> None:
    await first.ask(sets(a=1))
    secret = first.id.partition(".")[0]
    for route in ("", "a.b", "x" * 65, "n 1", "../n1", "é"):
        first.jar["__Host-id"] = f"{secret}.{route}"
        assert (await first.ask(everything)).value == {}
    first.jar["__Host-id"] = f"{secret}.{'x' * 64}"
    assert (await first.ask(everything)).value == {"a": 1}
    assert routes(first) == (43, "n1")


async def test_an_id_that_was_renewed_meanwhile_is_not_bound_anew(first: Visitor, make: Make) -> None:
    """Or the old id would take the place of the new one in the browser."""
    await first.ask(sets(a=1))
    late, handler = first.twin(make(route="n2")), Gate()

    async def act(session: Session) -> None:
        everything(session)
        await handler()

    asking = asyncio.create_task(late.ask(act))
    await handler.reached.wait()
    await first.ask(Session.end)
    handler.opened.set()
    assert (await asking).cookies.keys() <= {"__Host-id"}
    renewed = Visitor(first.sessions)
    await renewed.ask(sets(a=1))
    old = renewed.twin(make(route="n2"))
    await renewed.ask(Session.renew)
    assert (await old.ask(everything)).cookies == {}


@pytest.mark.parametrize("route", ["", "a.b", "n 1", "ü", "x" * 65, "n1\n"])
def test_a_route_that_would_not_fit_the_cookie_is_refused_when_it_is_given(make: Make, route: str) -> None:
    with pytest.raises(SettingError, match="route"):
        make(route=route)
