"""A node dies between two writes, or the answers to them are lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore
from tests.inbound.scope.steps import ANCHOR, Killed, dies, lost

from sojourn import Lifetime, Limit, Session, Sessions
from sojourn.core.events import Event, SessionCreated, SessionEnded
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]
Visit = Callable[..., tuple[Visitor, Visitor]]

BOTH = pytest.mark.parametrize("where", ["blog", ANCHOR], ids=["at its session", "at the anchor"])


def principal(session: Session) -> str | None:
    return session.principal


@pytest.mark.parametrize(
    ("when", "where"),
    [("before", "shop"), ("before", ANCHOR), ("after", ANCHOR), ("after", "shop")],
    ids=lambda each: each or "anchor",
)
async def test_a_first_session_that_was_not_told_leaves_nothing_for_long(
    visit: Visit, shop: Sessions, store: WatchedStore, clock: FakeClock, *, when: str, where: str
) -> None:
    in_shop, _ = visit()
    ended: list[Event] = []
    shop.listen(ended.append, SessionEnded)
    getattr(store, when)["save"] = dies(where)
    with pytest.raises(Killed):
        await in_shop.ask(sets(n=1))
    assert in_shop.jar == {}
    await in_shop.ask(sets(n=2))
    assert (await in_shop.ask(everything)).value == {"n": 2}
    clock.advance(hours=2)
    assert (await shop.sweep(), len(ended)) == ((1, 1) if (when, where) != ("after", "shop") else (2, 2))


@pytest.mark.parametrize("when", ["before", "after"])
@BOTH
async def test_another_application_begins_in_spite_of_one_that_died_at_it(
    visit: Visit, store: WatchedStore, when: str, where: str
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    getattr(store, when)["save"] = dies(where)
    with pytest.raises(Killed):
        await in_blog.ask(sets(lost=1))
    await in_blog.ask(sets(n=2))
    assert (await in_blog.ask(everything)).value["n"] == 2
    assert (await in_shop.ask(everything)).value == {"n": 1}


@pytest.mark.parametrize("known", [False, True], ids=["new there", "known there"])
@pytest.mark.parametrize("when", ["before", "after"])
@BOTH
async def test_a_sign_in_that_died_lets_nobody_in_with_the_old_id(
    visit: Visit, store: WatchedStore, blog: Sessions, clock: FakeClock, *, when: str, where: str, known: bool
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    if known:
        await in_blog.ask(sets(n=2))
    getattr(store, when)["save"] = dies(where)
    with pytest.raises(Killed):
        await in_blog.ask(signs_in("alice"))
    assert (await in_blog.twin().ask(principal)).value is None
    before_all = (when, where) == ("before", ANCHOR)
    assert (await in_shop.ask(everything)).value == ({"n": 1} if before_all else {})  # the new id was not told
    if known and before_all:
        assert (await in_blog.ask(everything)).value == {"n": 2}
    clock.advance(seconds=61)
    await in_blog.ask(sets(n=3))
    assert (await in_blog.ask(everything)).value["n"] == 3
    await in_blog.ask(signs_in("alice"))
    assert (await in_blog.ask(principal)).value == "alice"


@pytest.mark.parametrize("where", ["shop", ANCHOR], ids=["of its session", "of the anchor"])
async def test_a_lost_answer_to_a_first_session_is_asked_for_again(
    visit: Visit, store: WatchedStore, shop: Sessions, where: str
) -> None:
    in_shop = visit()[0]
    told: list[Event] = []
    shop.listen(told.append, SessionCreated)
    store.after["save"] = lost(where)
    await in_shop.ask(sets(n=1))
    assert ((await in_shop.ask(everything)).value, len(told), len(await shop.find())) == ({"n": 1}, 1, 1)


@pytest.mark.parametrize("when", ["before", "after"])
@BOTH
async def test_a_lost_answer_where_another_begins_is_asked_for_again(
    visit: Visit, store: WatchedStore, blog: Sessions, when: str, where: str
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    told: list[Event] = []
    blog.listen(told.append, SessionCreated)
    getattr(store, when)["save"] = lost(where)
    await in_blog.ask(sets(n=2))
    assert ((await in_blog.ask(everything)).value, len(told), len(await blog.find())) == ({"n": 2}, 1, 1)


@pytest.mark.parametrize("known", [False, True], ids=["new there", "known there"])
@pytest.mark.parametrize("when", ["before", "after"])
@BOTH
async def test_a_lost_answer_to_a_sign_in_is_asked_for_again(
    visit: Visit, store: WatchedStore, blog: Sessions, when: str, where: str, *, known: bool
) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    if known:
        await in_blog.ask(sets(n=2))
    old = in_shop.twin()
    getattr(store, when)["save"] = lost(where)
    await in_blog.ask(signs_in("alice"))
    assert (await in_blog.ask(principal)).value == "alice"
    assert (await in_shop.ask(everything)).value == {"n": 1}
    assert ((await old.ask(everything)).value, len(await blog.find())) == ({}, 1)


@pytest.mark.parametrize("when", ["before", "after"])
@BOTH
async def test_a_lost_answer_to_a_renewal_is_asked_for_again(
    visit: Visit, share: Make, store: WatchedStore, clock: FakeClock, *, when: str, where: str
) -> None:
    in_shop, in_blog = visit(share("shop"), share("blog", lifetime=Lifetime(renew=600)))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    before = in_blog.id
    clock.advance(seconds=600)
    getattr(store, when)["save"] = lost(where)
    await in_blog.ask(sets(m=3))
    assert in_blog.id != before
    assert (await in_shop.ask(everything)).value == {"n": 1}
    assert (await in_blog.ask(everything)).value == {"n": 2, "m": 3}


async def test_a_lost_answer_to_a_change_is_asked_for_again(visit: Visit, store: WatchedStore) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    store.after["save"] = lost("blog")
    await in_blog.ask(lambda session: session.__setitem__("n", session["n"] + 1))
    assert (await in_blog.ask(everything)).value == {"n": 3}


@pytest.mark.parametrize("known", [False, True], ids=["new there", "known there"])
async def test_a_sign_in_beyond_the_limit_leaves_the_visitor_their_sessions(
    visit: Visit, share: Make, *, known: bool
) -> None:
    blog = share("blog", limit=Limit(per_principal=1))
    await visit(share("shop"), blog)[1].ask(signs_in("alice"))
    in_shop, in_blog = visit(share("shop"), blog)
    await in_shop.ask(sets(n=1))
    if known:
        await in_blog.ask(sets(n=2))
    old = in_shop.twin()
    for _ in range(2):
        assert (await in_blog.ask(signs_in("alice"))).status == 429
    assert (old.id == in_blog.id, (await old.ask(everything)).value) == (False, {})
    assert (await in_blog.ask(everything)).value == ({"n": 2} if known else {})
    assert (await in_shop.ask(everything)).value == {"n": 1}


async def test_a_first_sign_in_beyond_the_limit_gives_out_no_id(visit: Visit, share: Make) -> None:
    blog = share("blog", limit=Limit(per_principal=1))
    for _ in range(2):
        visitor = visit(blog)[0]
        await visitor.ask(signs_in("alice"))
    assert (visitor.jar, len(await blog.find())) == ({}, 1)


async def test_a_sign_in_ends_others_beyond_the_limit_in_its_application_alone(visit: Visit, share: Make) -> None:
    blog = share("blog", limit=Limit(per_principal=1, when_full="end-oldest"))
    ended: list[Event] = []
    blog.listen(ended.append, SessionEnded)
    first, second = (visit(share("shop"), blog) for _ in range(2))
    for in_shop, in_blog in (first, second):
        await in_shop.ask(signs_in("alice"))
        await in_blog.ask(signs_in("alice"))
    assert [each.app for each in ended] == ["blog"]
    assert [(await each.ask(principal)).value for each in (*first, *second)] == ["alice", None, "alice", "alice"]
