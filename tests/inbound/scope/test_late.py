"""Requests that were under way when something happened to the id, or to the session, that they came with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Action, Socket, Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore
from tests.inbound.scope.steps import ANCHOR, Hold

from sojourn import Lifetime, Session, Sessions, Sockets
from sojourn.core.events import ChangesDropped, Event, SessionCreated, SessionEnded
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]
Visit = Callable[..., tuple[Visitor, Visitor]]


def who(session: Session) -> list[Any]:
    return [session.principal, dict(session)]


async def while_held(store: WatchedStore, question: str, app: str, slow: Any, *fast: Any) -> Any:
    """Let all of `fast` happen while `slow` is about to ask the store for what is of `app`; the answer to `slow`."""
    hold = store.before[question] = Hold(app)
    task = asyncio.create_task(slow)
    await hold.reached.wait()
    for each in fast:
        await each
    hold.opened.set()
    answer = await task
    del store.before[question]
    return answer


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_who_found_the_anchor_before_a_sign_in_is_not_shown_what_was_stored_after_it(
    visit: Visit, store: WatchedStore, where: str
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    thief = in_blog.twin()
    signing_in = (in_blog if where == "here" else in_shop).ask(signs_in("alice"))
    answer = await while_held(store, "load", "blog", thief.ask(who), signing_in, in_blog.ask(sets(secret=1)))
    assert answer.value == [None, {}]
    assert (await in_blog.ask(everything)).value == {"n": 2, "secret": 1}


async def test_who_found_the_anchor_before_a_sign_in_stores_nothing_over_what_came_after_it(
    visit: Visit, share: Make, store: WatchedStore
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    thief = in_blog.twin(share("blog"))
    before = dict(thief.jar)
    told: list[Event] = []
    thief.sessions.listen(told.append, ChangesDropped)

    async def goes_on() -> None:
        await in_shop.ask(signs_in("alice"))
        await in_blog.ask(sets(n=3))

    await while_held(store, "save", "blog", thief.ask(sets(n=4, bad=1)), goes_on())
    assert ((await in_blog.ask(everything)).value, thief.jar, len(told)) == ({"n": 3}, before, 1)


@pytest.mark.parametrize("action", [sets(n=9), signs_in("mallory"), lambda session: session.renew()])
async def test_after_a_sign_in_elsewhere_a_request_that_began_before_stores_nothing(
    visit: Visit, share: Make, blog: Sessions, action: Action
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    thief = in_blog.twin()
    before = dict(thief.jar)

    async def slow(session: Session) -> None:
        len(session)
        await in_shop.ask(signs_in("alice"))
        action(session)

    await thief.ask(slow)
    assert (thief.jar, (await in_blog.ask(who)).value) == (before, [None, {"n": 2}])
    assert (await thief.ask(who)).value == [None, {}]


async def test_a_late_save_is_not_taken_for_one_of_the_session_that_came_after(
    visit: Visit, share: Make, blog: Sessions
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    late = in_blog.twin(share("blog"))

    async def slow(session: Session) -> None:
        session["old"] = 1
        await in_blog.ask(lambda session: session.end())
        await in_blog.ask(sets(n=3))

    await late.ask(slow)
    assert (await in_blog.ask(everything)).value == {"n": 3}
    assert len(await blog.find()) == 1


async def test_a_sign_in_whose_session_ends_meanwhile_leaves_the_visitor_the_others(
    visit: Visit, share: Make, store: WatchedStore
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    before = in_blog.id
    [record] = await in_blog.sessions.find()
    await while_held(store, "save", "blog", in_blog.ask(signs_in("alice")), in_blog.sessions.end(record.ref))
    assert in_blog.id != before
    assert ((await in_shop.ask(everything)).value, (await in_blog.ask(who)).value) == ({"n": 1}, [None, {}])


@pytest.mark.parametrize("known", [False, True], ids=["new there", "known there"])
async def test_what_begins_when_all_has_ended_is_taken_back(
    visit: Visit, share: Make, blog: Sessions, store: WatchedStore, *, known: bool
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    if known:
        await in_blog.ask(sets(n=2))
        await in_blog.ask(lambda session: session.end())
    told: list[Event] = []
    blog.listen(told.append, SessionCreated)
    ending = in_shop.twin().ask(lambda session: session.end(everywhere=True))
    await while_held(store, "save", "blog", in_blog.ask(sets(n=3)), ending)
    assert (await blog.find(), told) == ([], [])


async def test_what_has_expired_is_told_before_another_takes_its_place(
    share: Make, visit: Visit, clock: FakeClock
) -> None:
    in_shop, in_blog = visit()
    ended: list[Any] = []
    in_blog.sessions.listen(ended.append, SessionEnded)
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    for _ in range(4):
        clock.advance(seconds=600)
        await in_shop.ask(everything)
        await in_shop.sessions.flush()
    await in_blog.ask(sets(n=3))
    assert [(each.app, each.reason) for each in ended] == [("blog", "idle")]
    assert (await in_blog.ask(everything)).value == {"n": 3}


async def test_a_connection_of_before_a_sign_in_elsewhere_is_closed(share: Make, visit: Visit) -> None:
    shop, blog = share("shop"), share("blog", sockets=Sockets(check=0.01))
    in_shop, in_blog = visit(shop, blog)
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    thief = in_blog.twin()

    async def listens(scope: Any, receive: Any, send: Any) -> None:
        len(scope["session"])
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    socket = Socket(thief, listens)
    await socket.open()
    await in_shop.ask(signs_in("alice"))
    async with asyncio.timeout(10):
        while socket.answer.messages[-1]["type"] != "websocket.close":  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    assert socket.answer.messages[-1]["code"] == 4401
    await socket.close()


@pytest.mark.parametrize("held", ["blog", ANCHOR], ids=["before its session", "before the anchor"])
async def test_blocks_to_oneself_of_two_that_begin_at_once_count_right(
    visit: Visit, share: Make, store: WatchedStore, held: str
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    other = in_blog.twin(share("blog"))

    async def count(session: Session) -> None:
        async with session.exclusive():
            session["n"] = session.get("n", 0) + 1

    await while_held(store, "save", held, in_blog.ask(count), other.ask(count))
    assert (await in_blog.ask(everything)).value == {"n": 2}


async def test_an_application_that_comes_while_all_ends_ends_with_it(
    visit: Visit, blog: Sessions, store: WatchedStore
) -> None:
    in_shop, in_blog = visit()
    in_shop.sessions.listen(lambda _: None)
    await in_shop.ask(sets(n=1))
    late = in_blog.twin()
    ending = in_shop.ask(lambda session: session.end(everywhere=True))
    await while_held(store, "end", ANCHOR, ending, late.ask(sets(n=2)))
    assert (await late.ask(everything)).value == {}
    assert await blog.find() == []


async def test_requests_of_several_applications_that_find_an_id_old_make_one_new_one(
    share: Make, clock: FakeClock, visit: Visit
) -> None:
    lifetime = Lifetime(renew=600)
    in_shop, in_blog = visit(share("shop", lifetime=lifetime), share("blog", lifetime=lifetime))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    before = in_shop.id
    clock.advance(seconds=600)
    tabs = [each.twin() for each in (in_shop, in_blog) for _ in range(25)]
    await asyncio.gather(*(each.ask(sets(**{f"m{n}": 1})) for n, each in enumerate(tabs)))
    assert len({each.id for each in tabs} - {before}) == 1
    assert [len((await each.ask(everything)).value) for each in (tabs[0], tabs[25])] == [26, 26]


async def test_who_has_the_id_before_is_told_no_new_one_once_that_is_used_in_any_application(
    share: Make, clock: FakeClock, visit: Visit
) -> None:
    lifetime = Lifetime(renew=600)
    in_shop, in_blog = visit(share("shop", lifetime=lifetime), share("blog", lifetime=lifetime))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    thief = in_blog.twin()
    clock.advance(seconds=600)
    await in_shop.ask(everything)
    clock.advance(seconds=30)
    await in_shop.ask(everything)
    await in_shop.sessions.flush()
    clock.advance(seconds=40)
    answer = await thief.ask(everything)
    assert (answer.value, answer.cookies) == ({"n": 2}, {})
    clock.advance(seconds=30)
    assert (await thief.ask(everything)).value == {}
