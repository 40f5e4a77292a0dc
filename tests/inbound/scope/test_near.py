"""Sessions of several applications are served from memory, and never from before what the visitor has seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore
from tests.inbound.conftest import _be_near

from sojourn import Near, Session, Sessions
from sojourn.store.around import Around
from sojourn.store.base import Beat, Change, Watches

Make = Callable[..., Sessions]
Visit = Callable[..., tuple[Visitor, Visitor]]


class Deaf(Around):
    """A store that never tells what others have changed."""

    adds = (Watches,)

    async def watch(self) -> AsyncIterator[Change | Beat]:
        while True:
            yield Beat(number=0, asked_at=time.monotonic())
            await asyncio.sleep(0.05)


async def near(share: Make, app: str, **settings: Any) -> Sessions:
    sessions = share(app, near=Near(), **settings)
    await _be_near(sessions)
    return sessions


def who(session: Session) -> list[Any]:
    return [session.principal, dict(session)]


async def test_a_read_asks_nobody(share: Make, visit: Visit, store: WatchedStore) -> None:
    in_shop, in_blog = visit(await near(share, "shop"), await near(share, "blog"))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    await in_shop.ask(everything)
    asked = store.counts
    for _ in range(3):
        assert (await in_shop.ask(everything)).value == {"n": 1}
        assert (await in_blog.ask(everything)).value == {"n": 2}
    assert store.counts == asked


async def test_neither_does_one_where_the_visitor_has_nothing(share: Make, visit: Visit, store: WatchedStore) -> None:
    in_shop, in_blog = visit(await near(share, "shop"), await near(share, "blog"))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(everything)
    asked = store.counts
    for _ in range(3):
        assert (await in_blog.ask(everything)).value == {}
    assert store.counts == asked


async def test_a_change_is_one_save(share: Make, visit: Visit, store: WatchedStore) -> None:
    in_shop, in_blog = visit(await near(share, "shop"), await near(share, "blog"))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    store.calls.clear()
    await in_blog.ask(sets(n=3))
    assert store.calls == ["save"]


async def test_a_visitor_sees_what_they_did_also_where_it_was_not_heard_of(
    share: Make, visit: Visit, store: WatchedStore
) -> None:
    """Each step is done at a node that hears, and looked at, at one that does not; and the other way round."""
    shop, here = await near(share, "shop"), await near(share, "blog")
    there = await near(share, "blog", store=Deaf(store))
    in_shop, one, two = visit(shop, here, there)  # type: ignore[misc]
    await in_shop.ask(sets(n=0))
    for first, second in ((one, two), (two, one)):
        assert (await second.ask(who)).value == [None, {}]
        for n in (1, 2):
            await first.ask(sets(n=n))
            assert (await second.ask(who)).value == [None, {"n": n}]
        await first.ask(lambda session: session.end())
        await first.ask(sets(m=3))
        assert (await second.ask(who)).value == [None, {"m": 3}]
        await first.ask(signs_in("alice"))
        assert (await second.ask(who)).value == ["alice", {"m": 3}]
        await in_shop.ask(signs_in("bob"))
        assert (await second.ask(who)).value == ["alice", {"m": 3}]
        await second.ask(lambda session: session.end())
        await second.ask(sets(k=4))
        assert (await first.ask(who)).value == [None, {"k": 4}]
        await first.ask(lambda session: session.end(everywhere=True))
        await in_shop.ask(sets(n=0))


async def test_a_sign_in_of_who_comes_late_takes_nothing_from_the_visitor(
    share: Make, visit: Visit, store: WatchedStore
) -> None:
    there = await near(share, "blog", store=Deaf(store))
    in_shop, in_blog = visit(share("shop"), there)
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    late = in_blog.twin()
    await in_shop.ask(signs_in("alice"))
    await late.ask(signs_in("mallory"))
    assert late.id != in_shop.id
    assert (await in_blog.ask(who)).value == [None, {"n": 2}]
