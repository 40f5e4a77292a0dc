"""All sessions under one id end at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.authentication import SimpleUser
from tests.fixtures.visitor import Answer, Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Session, Sessions
from sojourn.core.events import Event, SessionEnded

Make = Callable[..., Sessions]
Seen = Callable[..., Awaitable[Answer]]
Visit = Callable[..., tuple[Visitor, Visitor]]


def end_everywhere(session: Session) -> None:
    session.end(everywhere=True)


@pytest.fixture
def ended(shop: Sessions, blog: Sessions) -> list[Any]:
    ended: list[Event] = []
    for each in (shop, blog):
        each.listen(ended.append, SessionEnded)
    return ended


async def test_a_visitor_ends_all_their_sessions(visit: Visit, ended: list[Any], seen: Seen) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    others = [in_shop.twin(), in_blog.twin()]
    answer = await in_blog.ask(end_everywhere)
    assert answer.cookies == {"__Host-id": ""}
    assert [(await seen(each, everything, {})).value for each in others] == [{}, {}]
    assert sorted((each.app, each.reason) for each in ended) == [("blog", "signed-out"), ("shop", "signed-out")]


async def test_also_from_an_application_that_has_none_of_them(visit: Visit, ended: list[Any], seen: Seen) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    other = in_shop.twin()
    assert (await in_blog.ask(end_everywhere)).cookies == {"__Host-id": ""}
    assert (await seen(other, everything, {})).value == {}
    assert [(each.app, each.reason) for each in ended] == [("shop", "signed-out")]


async def test_also_in_a_request_whose_own_session_has_just_ended(
    visit: Visit, ended: list[Any], shop: Sessions
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    other = in_blog.twin()

    async def slow(session: Session) -> None:
        await other.ask(lambda session: session.end())
        session.end(everywhere=True)

    assert (await in_blog.ask(slow)).cookies == {"__Host-id": ""}
    assert (await shop.find(), sorted(each.app for each in ended)) == ([], ["blog", "shop"])


async def test_who_has_an_id_of_before_a_sign_in_is_told_that_nothing_has_ended(
    visit: Visit, ended: list[Any], blog: Sessions
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))

    async def slow(session: Session) -> None:
        await in_shop.ask(signs_in("alice"))
        session.end(everywhere=True)

    assert (await in_blog.twin().ask(slow)).status == 503
    assert ((await in_shop.ask(everything)).value, len(await blog.find()), ended) == ({"n": 1}, 1, [])
    await in_blog.ask(end_everywhere)
    assert (await blog.find(), len(ended)) == ([], 2)


async def test_what_ended_everywhere_begins_anew_under_another_id(visit: Visit) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    before = in_shop.id
    await in_shop.ask(end_everywhere)
    await in_blog.ask(sets(n=2))
    await in_shop.ask(sets(n=3))
    assert in_shop.id != before
    assert [(await each.ask(everything)).value["n"] for each in (in_shop, in_blog)] == [3, 2]


async def test_an_operator_ends_one_session_and_leaves_the_others(
    visit: Visit, ended: list[Any], blog: Sessions, seen: Seen
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    [record] = await blog.find()
    assert (await blog.end(record.ref), await blog.end(record.ref)) == (True, False)
    assert (await seen(in_blog, everything, {})).value == {}
    assert (await in_shop.ask(everything)).value == {"n": 1}
    assert [(each.app, each.reason) for each in ended] == [("blog", "revoked")]


async def test_an_operator_ends_all_by_one_of_them(visit: Visit, ended: list[Any], blog: Sessions, seen: Seen) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    await in_shop.ask(signs_in("alice"))
    [record] = await blog.find()
    assert (await blog.end(record.ref, everywhere=True), await blog.end(record.ref, everywhere=True)) == (True, False)
    assert [(await seen(each, everything, {})).value for each in (in_shop, in_blog)] == [{}, {}]
    assert sorted((each.app, each.reason) for each in ended) == [("blog", "revoked"), ("shop", "revoked")]


async def test_all_sessions_of_a_principal_are_those_of_one_application(visit: Visit, blog: Sessions) -> None:
    in_shop, in_blog = visit()
    for each in (in_shop, in_blog):
        await each.ask(signs_in("alice"))
    assert await blog.end_all(principal="alice") == 1
    assert (await in_shop.ask(lambda session: session.principal)).value == "alice"


async def test_where_nothing_is_shared_everywhere_is_here(make: Make, sync: None) -> None:
    visitor = Visitor(sessions := make())
    await visitor.ask(sets(n=1))
    await visitor.ask(end_everywhere)
    assert (visitor.jar, await sessions.find()) == ({}, [])
    await visitor.ask(sets(n=1))
    [record] = await sessions.find()
    assert await sessions.end(record.ref, everywhere=True)


async def test_if_who_ends_all_dies_the_sessions_are_out_of_reach_at_once(
    visit: Visit, shop: Sessions, blog: Sessions, store: WatchedStore, ended: list[Any]
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    asked = 0

    async def dies(*_: Any) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:  # the anchor was the first
            raise RuntimeError

    store.before["end"] = dies
    with pytest.raises(RuntimeError):
        await in_shop.twin().ask(end_everywhere)
    del store.before["end"]
    assert [(await each.ask(everything)).value for each in (in_shop, in_blog)] == [{}, {}]


async def test_where_strangers_end_a_session_the_others_under_the_stolen_id_end_too(
    visit: Visit, share: Make, shop: Sessions
) -> None:
    in_shop, in_blog = visit(shop, share("blog", identity="request", strangers="end"))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2), user=SimpleUser("alice"))
    thief = in_blog.twin()
    await thief.ask(sets(mine=1), user=SimpleUser("bob"))
    assert (thief.id == in_blog.id, await shop.find()) == (False, [])
    assert (await in_blog.ask(everything, user=SimpleUser("alice"))).value == {}
