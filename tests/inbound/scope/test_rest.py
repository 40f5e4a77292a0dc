"""What is kept of anchors, and for how long."""

from __future__ import annotations

from collections.abc import Callable

from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Lifetime, Limit, Sessions
from sojourn.core.events import Event
from sojourn.store.base import Query
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]
Visit = Callable[..., tuple[Visitor, Visitor]]

DAY = 86400.0


async def test_an_id_of_sessions_that_never_expire_does_after_400_days_unused(
    share: Make, visit: Visit, clock: FakeClock, store: WatchedStore
) -> None:
    forever = Lifetime(idle=None)
    shop, blog = share("shop", lifetime=forever), share("blog")
    in_shop, in_blog = visit(shop, blog)
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    for _ in range(3):
        clock.advance(seconds=399 * DAY)
        assert (await in_shop.ask(everything)).value == {"n": 1}
        await shop.flush()
    clock.advance(seconds=400 * DAY)
    assert (await in_shop.ask(everything)).value == {}
    clock.advance(seconds=200)
    await shop.sweep()
    assert await store.find(Query()) == []


async def test_anchors_are_neither_found_nor_counted_nor_told(
    share: Make, visit: Visit, clock: FakeClock, store: WatchedStore
) -> None:
    shop, blog = share("shop"), share("blog", limit=Limit(per_principal=1))
    in_shop, in_blog = visit(shop, blog)
    await in_shop.ask(sets(n=1))
    await in_blog.ask(signs_in("alice"))
    assert [len(await each.find()) for each in (shop, blog)] == [1, 1]
    clock.advance(seconds=7200)
    assert (await shop.sweep(), await store.find(Query())) == (2, [])


async def test_the_end_of_an_anchor_is_told_to_nobody(
    make: Make, share: Make, visit: Visit, clock: FakeClock, bare: None
) -> None:
    alone = make(app="alone")
    told: list[Event] = []
    alone.listen(told.append)
    in_shop, _ = visit(share("shop"), share("blog"))
    await in_shop.ask(sets(n=1))
    clock.advance(seconds=7200)
    assert (await alone.sweep(), [each.app for each in told]) == (1, ["shop"])


async def test_background_work_keeps_the_id_with_the_session(share: Make, visit: Visit, clock: FakeClock) -> None:
    in_shop, _ = visit()
    await in_shop.ask(sets(n=0))
    [record] = await in_shop.sessions.find()
    for n in range(1, 6):
        clock.advance(seconds=1500)
        async with in_shop.sessions.access(record.ref) as session:
            session["n"] = n
    assert (await in_shop.ask(everything)).value == {"n": 5}


async def test_what_is_under_an_id_may_be_sealed(share: Make, visit: Visit, store: WatchedStore) -> None:
    keys = [b"k" * 32]
    in_shop, in_blog = visit(share("shop", seal=keys), share("blog", seal=keys))
    await in_shop.ask(sets(n="in the shop"))
    await in_blog.ask(sets(n="in the blog"))
    await in_blog.ask(signs_in("alice"))
    assert [(await each.ask(everything)).value["n"] for each in (in_shop, in_blog)] == ["in the shop", "in the blog"]
    kept = await store.find(Query())
    assert len(kept) == 3
    assert not any(word in each.data for each in kept for word in (b"shop", b"blog"))


async def test_a_read_asks_twice_and_a_change_four_times(visit: Visit, store: WatchedStore) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    await in_blog.ask(sets(n=3))
    store.calls.clear()
    await in_blog.ask(everything)
    assert store.calls == ["load", "load"]
    store.calls.clear()
    await in_blog.ask(sets(n=4))
    assert [each for each in store.calls if each != "touch"] == ["load", "load", "load", "save"]
