"""Requests of several applications that overlap under one id, in every order that matters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Action, Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore
from tests.inbound.scope.steps import ANCHOR, Hold

from sojourn import Lifetime, Session, Sessions
from sojourn.core.events import ChangesDropped, Event, SessionCreated, SessionEnded
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]
Visit = Callable[..., tuple[Visitor, Visitor]]


def principal(session: Session) -> str | None:
    return session.principal


async def between(store: WatchedStore, app: str, slow: tuple[Visitor, Action], fast: tuple[Visitor, Action]) -> None:
    """Let all of `fast` happen while `slow` is about to store a record of `app`."""
    hold = Hold(app)
    store.before["save"] = hold
    task = asyncio.create_task(slow[0].ask(slow[1]))
    await hold.reached.wait()
    await fast[0].ask(fast[1])
    hold.opened.set()
    await task
    del store.before["save"]


@pytest.mark.parametrize("held", ["blog", ANCHOR], ids=["before its session", "before the anchor"])
async def test_what_two_first_requests_of_an_application_stored_is_merged(
    visit: Visit, share: Make, store: WatchedStore, held: str
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    elsewhere = Visitor(other := share("blog"))
    elsewhere.jar = in_blog.jar
    told: list[Event] = []
    other.listen(told.append, SessionCreated)
    in_blog.sessions.listen(told.append, SessionCreated)
    await between(store, held, (in_blog, sets(mine=1)), (elsewhere, sets(theirs=2)))
    assert (await in_blog.ask(everything)).value == {"mine": 1, "theirs": 2}
    assert len(await other.find()) == 1
    assert len({each.ref for each in told}) == 1


@pytest.mark.parametrize("held", ["blog", ANCHOR], ids=["before its session", "before the anchor"])
async def test_two_applications_may_begin_at_once(visit: Visit, share: Make, store: WatchedStore, held: str) -> None:
    in_shop, in_blog, in_wiki = visit(share("shop"), share("blog"), share("wiki"))  # type: ignore[misc]
    await in_shop.ask(sets(n=1))
    await between(store, held, (in_blog, sets(n=2)), (in_wiki, sets(n=3)))
    assert [(await each.ask(everything)).value["n"] for each in (in_shop, in_blog, in_wiki)] == [1, 2, 3]


async def test_a_session_that_begins_during_a_sign_in_elsewhere_does_not(
    visit: Visit, blog: Sessions, store: WatchedStore
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    late = in_blog.twin()
    told: list[Event] = []
    blog.listen(told.append, ChangesDropped, SessionCreated, SessionEnded)
    before = dict(late.jar)
    await between(store, ANCHOR, (late, sets(n=2)), (in_shop, signs_in("alice")))
    assert late.jar == before  # no cookie that would take the place of the new one
    assert [type(each) for each in told] == [ChangesDropped]
    assert await blog.find() == []
    assert (await in_blog.ask(everything)).value == {}
    await in_blog.ask(sets(n=3))
    assert (await in_blog.ask(everything)).value == {"n": 3}


async def test_a_sign_in_and_a_beginning_in_one_application_leave_the_sign_in(
    visit: Visit, share: Make, blog: Sessions, store: WatchedStore
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    other = in_blog.twin(share("blog"))
    before = dict(other.jar)
    await between(store, ANCHOR, (in_blog, signs_in("alice")), (other, sets(n=2)))
    assert (await in_blog.ask(principal)).value == "alice"
    assert (await in_shop.ask(everything)).value == {"n": 1}
    assert ([record.principal for record in await blog.find()], other.jar) == (["alice"], before)


@pytest.mark.parametrize("held", ["blog", ANCHOR], ids=["before its session", "before the anchor"])
async def test_who_signs_in_while_a_session_begins_is_signed_in(
    visit: Visit, share: Make, blog: Sessions, store: WatchedStore, held: str
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    other = in_blog.twin(share("blog"))
    await between(store, held, (other, sets(n=2)), (in_blog, signs_in("alice")))
    assert (await in_blog.ask(principal)).value == "alice"
    assert (await other.ask(everything)).value == {}
    assert [record.principal for record in await blog.find()] == ["alice"]


async def test_who_comes_where_a_sign_in_is_about_to_be_leaves_no_trace(
    visit: Visit, share: Make, blog: Sessions, store: WatchedStore
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    other = in_blog.twin(share("blog"))
    before = dict(other.jar)
    await between(store, "blog", (in_blog, signs_in("alice")), (other, sets(n=3)))
    assert (other.jar, (await in_blog.ask(everything)).value) == (before, {"n": 2})
    assert [record.principal for record in await blog.find()] == ["alice"]


@pytest.mark.parametrize("first", [True, False], ids=["new there", "known there"])
async def test_of_two_sign_ins_under_one_id_in_two_applications_the_faster_one_counts(
    visit: Visit, shop: Sessions, blog: Sessions, store: WatchedStore, clock: FakeClock, *, first: bool
) -> None:
    """Whoever planted an id, and signs in with it as somebody else, never gets at the visitor's session."""
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    if not first:
        await in_blog.ask(sets(n=2))
    visitor, attacker = in_blog.twin(), in_shop.twin()
    ended: list[Event] = []
    blog.listen(ended.append, SessionEnded)
    await between(store, ANCHOR, (visitor, signs_in("alice")), (attacker, signs_in("mallory")))
    assert (await attacker.ask(principal)).value == "mallory"
    attacker_in_blog = attacker.twin(blog)
    clock.advance(seconds=61)
    for _ in range(2):
        assert (await attacker_in_blog.ask(principal)).value is None
        assert (await attacker_in_blog.ask(everything)).value in ({}, {"n": 2})  # what was there for the id before
        await attacker_in_blog.ask(sets(n=5))
        await attacker_in_blog.ask(lambda session: session.end())
    assert (await visitor.ask(principal)).value is None
    assert await blog.find() == []
    await blog.sweep()
    assert len(ended) == 2


@pytest.mark.parametrize("held", ["blog", ANCHOR], ids=["before its session", "before the anchor"])
async def test_an_id_that_is_renewed_in_two_applications_at_once_is_one_id(
    share: Make, clock: FakeClock, visit: Visit, store: WatchedStore, held: str
) -> None:
    lifetime = Lifetime(renew=600)
    in_shop, in_blog = visit(share("shop", lifetime=lifetime), share("blog", lifetime=lifetime))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    clock.advance(seconds=600)
    await between(store, held, (in_blog, sets(m=3)), (in_shop, everything))
    assert (await in_shop.ask(everything)).value == {"n": 1}
    assert (await in_blog.ask(everything)).value == {"n": 2, "m": 3}


async def test_a_renewal_that_meets_a_sign_in_elsewhere_tells_no_id(
    share: Make, clock: FakeClock, visit: Visit, store: WatchedStore
) -> None:
    in_shop, in_blog = visit(share("shop"), share("blog", lifetime=Lifetime(renew=600)))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    clock.advance(seconds=600)
    late = in_blog.twin()
    before = dict(late.jar)
    await between(store, ANCHOR, (late, everything), (in_shop, signs_in("alice")))
    assert late.jar == before
    assert (await in_blog.ask(everything)).value == {"n": 2}


async def test_a_change_that_meets_a_sign_in_elsewhere_is_kept_and_tells_no_id(
    visit: Visit, store: WatchedStore
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    late = in_blog.twin()
    await between(store, "blog", (late, sets(n=3)), (in_shop, signs_in("alice")))
    assert (late.id == in_shop.id, (await in_blog.ask(everything)).value) == (False, {"n": 3})


@pytest.mark.parametrize("held", ["blog", ANCHOR], ids=["before its session", "before the anchor"])
async def test_what_begins_while_all_ends_does_not(
    visit: Visit, blog: Sessions, store: WatchedStore, held: str
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    late = in_blog.twin()
    await between(store, held, (late, sets(n=2)), (in_shop, lambda session: session.end(everywhere=True)))
    await blog.sweep()
    assert ((await late.ask(everything)).value, await blog.find()) == ({}, [])


async def test_a_sign_in_while_all_ends_ends_with_it_and_is_told_of_once(
    visit: Visit, blog: Sessions, shop: Sessions, store: WatchedStore
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    late = in_blog.twin()
    ended: list[Event] = []
    for each in (shop, blog):
        each.listen(ended.append, SessionEnded)
    everywhere: Action = lambda session: session.end(everywhere=True)  # noqa: E731
    await between(store, ANCHOR, (late, signs_in("alice")), (in_shop, everywhere))
    await blog.sweep()
    await shop.sweep()
    assert ((await late.ask(everything)).value, await blog.find(), await shop.find()) == ({}, [], [])
    assert sorted(each.app for each in ended) == ["blog", "shop"]


async def test_a_sign_in_has_nothing_of_what_another_began_and_ended(
    visit: Visit, share: Make, blog: Sessions, store: WatchedStore
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    late = in_blog.twin(share("blog"))

    async def slow(session: Session) -> None:
        len(session)
        await in_blog.ask(sets(n=2))
        await in_blog.ask(lambda session: session.end())
        session.principal = "alice"

    await late.ask(slow)
    assert ((await late.ask(everything)).value, (await late.ask(principal)).value) == ({}, "alice")
    assert (len(await blog.find()), (await in_shop.ask(everything)).value) == (1, {})
    assert (await late.twin(in_shop.sessions).ask(everything)).value == {"n": 1}


async def test_a_request_that_takes_minutes_leaves_a_session_that_was_signed_in_to_meanwhile(
    visit: Visit, share: Make, blog: Sessions, clock: FakeClock
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    late = in_blog.twin(share("blog"))

    async def slow(session: Session) -> None:
        len(session)
        await in_blog.ask(signs_in("alice"))
        clock.advance(minutes=5)
        session["n"] = 2

    await late.ask(slow)
    assert (await in_blog.ask(principal)).value == "alice"


async def test_what_another_stored_under_the_new_id_gives_it_to_nobody_who_came_with_the_old(
    visit: Visit, blog: Sessions
) -> None:
    """Two requests of one node meet in one session of the blog, one of them under the id before a sign-in elsewhere."""
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    thief = in_blog.twin()

    async def slow(session: Session) -> None:
        session["m"] = 3
        await in_shop.ask(signs_in("alice"))
        gate = asyncio.Event()

        async def held(other: Session) -> None:
            other["k"] = 4
            gate.set()

        await in_blog.ask(held)
        session.renew()

    await thief.ask(slow)
    assert thief.id != in_shop.id
    assert (await thief.twin(in_shop.sessions).ask(principal)).value is None
    assert (await in_shop.ask(principal)).value == "alice"
    assert (await in_blog.ask(everything)).value["k"] == 4
