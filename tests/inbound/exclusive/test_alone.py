"""A session that one request has to itself: who waits, who is refused, and what is seen and stored."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import Gate, WatchedStore
from tests.inbound.exclusive.conftest import Slow, increment, increment_at_once, stored

from sojourn import Session, Sessions
from sojourn.errors import Contradiction, Occupied, OutsideRequest, SessionEnded, SettingError
from sojourn.store import Store

Make = Callable[..., Sessions]

pytestmark = pytest.mark.usefixtures("once")


async def test_a_second_one_waits_until_the_first_has_stored_its_changes(known: Visitor, twin: Visitor) -> None:
    first = Slow()
    asking = asyncio.create_task(known.ask(first))
    await first.within.reached.wait()
    waiting = asyncio.create_task(twin.ask(increment))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    first.within.opened.set()
    assert ((await asking).value, (await waiting).value) == (1, 2)


async def test_who_would_wait_for_too_long_is_refused(known: Visitor, twin: Visitor) -> None:
    first = Slow()
    asking = asyncio.create_task(known.ask(first))
    await first.within.reached.wait()
    for wait in (0, 0.02):

        async def try_it(session: Session, wait: float = wait) -> str:
            try:
                async with session.exclusive(wait=wait):
                    return "had it"
            except Occupied as error:
                return str(error)

        answer = (await twin.ask(try_it)).value
        assert "try again" in answer
        assert known.id not in answer
    first.within.opened.set()
    await asking
    assert (await twin.ask(increment_at_once)).value == 2


async def test_it_costs_four_operations(known: Visitor, store: WatchedStore) -> None:
    await known.ask(increment)
    assert store.calls == ["load", "hold", "save", "save", "release"]


@pytest.mark.usefixtures("sync")
async def test_within_it_the_session_is_as_it_is_stored(known: Visitor, twin: Visitor) -> None:
    async def act(session: Session) -> list[Any]:
        before = dict(session)
        await twin.ask(sets(n=5, other=[1]))
        async with session.exclusive():
            session["n"] += 1
            return [before, dict(session)]

    assert (await known.ask(act)).value == [{"n": 0}, {"n": 6, "other": [1]}]
    assert await stored(known) == {"n": 6, "other": [1]}


async def test_what_was_changed_before_is_stored_first(known: Visitor, twin: Visitor) -> None:
    async def act(session: Session) -> Any:
        session["before"] = [1]
        async with session.exclusive():
            session["before"].append(2)
            return (await twin.ask(everything)).value

    assert (await known.ask(act)).value == {"n": 0, "before": [1]}
    assert await stored(known) == {"n": 0, "before": [1, 2]}


@pytest.mark.usefixtures("sync")
async def test_an_object_that_nobody_else_changed_stays_the_same(known: Visitor, twin: Visitor) -> None:
    await known.ask(sets(cart=["a"]))

    async def act(session: Session) -> bool:
        cart = session["cart"]
        await twin.ask(sets(other=1))
        async with session.exclusive():
            cart.append("b")
            return session["cart"] is cart

    assert (await known.ask(act)).value is True
    assert await stored(known) == {"n": 0, "cart": ["a", "b"], "other": 1}


@dataclasses.dataclass
class Cart:
    items: list[str] = dataclasses.field(default_factory=list)


@pytest.mark.usefixtures("sync")
@pytest.mark.parametrize("read", [lambda s: s["cart"]["items"], lambda s: s.view(Cart, at="cart").items])
async def test_a_change_of_an_object_that_another_replaced_is_refused(
    known: Visitor, twin: Visitor, read: Callable[[Session], list[str]]
) -> None:
    await known.ask(sets(cart={"items": ["a"]}))

    async def act(session: Session) -> None:
        items = read(session)
        await twin.ask(lambda other: read(other).append("b"))
        async with session.exclusive():
            assert read(session) == ["a", "b"]
            session["n"] += 1
            items.append("lost")

    assert (await known.ask(act)).status == Contradiction.status_hint
    assert await stored(known) == {"n": 0, "cart": {"items": ["a", "b"]}}


@pytest.mark.usefixtures("sync")
async def test_what_others_change_without_asking_is_merged(known: Visitor, twin: Visitor) -> None:
    first = Slow()
    asking = asyncio.create_task(known.ask(first))
    await first.within.reached.wait()
    await twin.ask(sets(other=1))
    first.within.opened.set()
    await asking
    assert await stored(known) == {"n": 1, "other": 1}


async def test_a_block_that_raises_leaves_nothing(known: Visitor) -> None:
    async def block(session: Session) -> None:
        async with session.exclusive():
            session["n"] += 1
            session["before"].append(2)
            del session["n"]
            raise ZeroDivisionError

    async def act(session: Session) -> Any:
        session["before"] = [1]
        with pytest.raises(ZeroDivisionError):
            await block(session)
        session["after"] = True
        return dict(session)

    left = {"n": 0, "before": [1], "after": True}
    assert (await known.ask(act)).value == left
    assert await stored(known) == left
    assert (await known.ask(increment_at_once)).value == 1


async def test_a_block_within_a_block_is_part_of_it(known: Visitor, store: WatchedStore) -> None:
    async def act(session: Session) -> Any:
        async with session.exclusive():
            session["n"] += 1
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(increment_at_once(session))
            async with session.exclusive(wait=0):
                session["n"] += 1
        return session["n"]

    assert (await known.ask(act)).value == 3
    assert store.counts["hold"] == 1


async def test_a_task_that_outlives_the_block_keeps_what_it_has_of_it(known: Visitor, twin: Visitor) -> None:
    slow = Slow()

    async def act(session: Session) -> Any:
        async with session.exclusive():
            task = asyncio.create_task(slow(session))
            await slow.within.reached.wait()
        assert (await twin.ask(increment_at_once)).status == 503
        slow.within.opened.set()
        await task

    await known.ask(act)
    assert (await twin.ask(increment_at_once)).value == 2


async def test_tasks_of_one_request_keep_each_other_out(known: Visitor) -> None:
    async def act(session: Session) -> Any:
        async def one() -> None:
            async with session.exclusive():
                n = session["n"]
                await asyncio.sleep(0)
                session["n"] = n + 1

        await asyncio.gather(*[one() for _ in range(5)])
        return session["n"]

    assert (await known.ask(act)).value == 5


async def test_a_session_that_is_not_stored_yet_is_its_requests_alone(visitor: Visitor, store: WatchedStore) -> None:
    async def act(session: Session) -> None:
        async with session.exclusive(wait=0):
            session["n"] = session.get("n", 0) + 1
        assert not store.calls

    await visitor.ask(act)
    assert store.calls == ["save"]
    assert await stored(visitor) == {"n": 1}


@pytest.mark.parametrize("meanwhile", [lambda s: s.end(), signs_in("bob")])
async def test_who_waited_for_a_session_that_ended_or_changed_hands_is_told(
    known: Visitor, twin: Visitor, meanwhile: Callable[[Session], Any]
) -> None:
    within = Gate()

    async def first(session: Session) -> None:
        async with session.exclusive():
            await within()
            meanwhile(session)

    async def second(session: Session) -> str:
        try:
            await increment(session)
        except SessionEnded:
            return "ended"
        return "had it"

    asking = asyncio.create_task(known.ask(first))
    await within.reached.wait()
    waiting = asyncio.create_task(twin.ask(second))
    for _ in range(5):
        await asyncio.sleep(0)
    ended = asyncio.create_task(known.twin().ask(meanwhile))  # also when it does not wait
    await ended
    within.opened.set()
    await asyncio.gather(asking, return_exceptions=True)
    assert (await waiting).value == "ended"


async def test_a_renewal_within_it_keeps_the_right(known: Visitor, twin: Visitor) -> None:
    old, within = known.id, Gate()

    async def act(session: Session) -> None:
        async with session.exclusive():
            session.renew()
            await session.save()
            session["n"] += 1
            await within()

    asking = asyncio.create_task(known.ask(act))
    await within.reached.wait()
    ref = (await known.sessions.find())[0].ref
    async with twin.sessions.access(ref) as same:
        with pytest.raises(Occupied):
            await increment_at_once(same)
    within.opened.set()
    answer = await asking
    assert answer.cookies["__Host-id"] == known.id != old
    assert await stored(known) == {"n": 1}


async def test_an_end_within_it_clears_the_cookies(known: Visitor) -> None:
    async def act(session: Session) -> None:
        async with session.exclusive():
            session["n"] += 1
            session.end()

    await known.ask(act)
    assert known.jar == {}
    assert await known.sessions.find() == []


async def test_it_works_outside_of_requests_and_after_the_first_byte(known: Visitor, twin: Visitor) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await increment(scope["session"])
        await send({"type": "http.response.body"})

    assert (await known.call(app)).error is None
    ref = (await twin.sessions.find())[0].ref
    async with twin.sessions.access(ref) as session:
        assert await increment(session) == 2
    assert await stored(known) == {"n": 2}


@pytest.mark.usefixtures("sync")
async def test_it_stores_what_it_changed_where_saving_is_by_hand(known: Visitor, make: Make) -> None:
    other = known.twin(make(save="manual"))
    await other.ask(increment)
    await other.ask(sets(n=7))
    assert await stored(known) == {"n": 1}


async def test_a_store_without_leases_and_a_wait_that_is_none_are_refused(known: Visitor, make: Make) -> None:
    class Plain:
        def __init__(self, store: Any) -> None:
            self.load, self.save, self.touch, self.delete = store.load, store.save, store.touch, store.delete

    store: Store = Plain(known.sessions.store)

    async def act(session: Session, wait: float = 5.0) -> None:
        async with session.exclusive(wait=wait):
            raise AssertionError

    with pytest.raises(SettingError, match="lacks `hold`"):
        await known.twin(make(store=store, near=None)).ask(act)
    for wait in (-1, float("nan")):
        with pytest.raises(SettingError, match="0 or more"):
            await known.ask(functools.partial(act, wait=wait))


async def test_it_is_for_ones_own_request(known: Visitor) -> None:
    kept: list[Session] = []
    await known.ask(kept.append)
    with pytest.raises(OutsideRequest):
        kept[0].exclusive()
