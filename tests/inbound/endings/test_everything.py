"""All sessions of somebody, or of everybody, end; those that begin meanwhile do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import Gate, WatchedStore
from tests.inbound.conftest import Seen

from sojourn import Session, Sessions
from sojourn.core.events import Event, SessionEnded
from sojourn.errors import SettingError
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


async def some(sessions: Sessions, number: int) -> list[Visitor]:
    visitors = [Visitor(sessions) for _ in range(number)]
    for visitor in visitors:
        await visitor.ask(sets(a=1))
    return visitors


async def test_everything_ends_and_each_end_is_announced_once(make: Make, seen: Seen) -> None:
    nodes, told = [make(), make()], list[Event]()
    for node in nodes:
        node.listen(told.append, SessionEnded)
    visitors = await some(nodes[0], 230)
    assert await nodes[1].end_everything() == 230
    assert await nodes[0].find() == []
    assert (await seen(visitors[7], everything, {})).value == {}
    assert [event.reason for event in told if isinstance(event, SessionEnded)] == ["revoked"] * 230
    assert len({event.ref for event in told}) == 230
    assert await nodes[1].end_everything() == 0


async def test_sessions_of_another_application_are_strangers(make: Make) -> None:
    shop, forum = make(app="shop"), make(app="forum")
    (stays,) = await some(forum, 1)
    await some(shop, 2)
    assert await shop.end_everything() == 2
    assert (await stays.ask(everything)).value == {"a": 1}


@pytest.mark.parametrize("act", [signs_in("alice"), Session.renew, sets(a=2)], ids=["signs in", "renews", "changes"])
async def test_who_signs_in_renews_or_writes_meanwhile_is_not_passed_over(
    make: Make, store: WatchedStore, act: Callable[[Session], None]
) -> None:
    sessions = make()
    (visitor,) = await some(sessions, 1)
    found = store.pause_after("find")
    ending = asyncio.create_task(sessions.end_everything())
    await found.reached.wait()
    await visitor.ask(act)
    found.opened.set()
    assert await ending == 1
    assert (await visitor.ask(everything)).value == {}


@pytest.mark.usefixtures("sync")
async def test_a_request_under_way_stores_nothing_more(make: Make, visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    handler = Gate()

    async def act(session: Session) -> Any:
        everything(session)
        await handler()
        session["a"] = 2

    asking = asyncio.create_task(visitor.ask(act))
    await handler.reached.wait()
    assert await make().end_everything() == 1
    handler.opened.set()
    assert (await asking).cookies == {}
    assert await visitor.sessions.find() == []


async def test_who_comes_meanwhile_stays(make: Make, store: WatchedStore, clock: FakeClock) -> None:
    """Even where nobody ever stops coming."""
    sessions = make()
    await some(sessions, 3)
    coming: list[Visitor] = []

    async def comes(*_: Any) -> None:
        clock.advance(seconds=1)
        coming.extend(await some(make(), 1))

    store.after["end"] = store.after["delete"] = comes
    assert await sessions.end_everything() >= 3
    assert coming
    assert (await coming[-1].ask(everything)).value == {"a": 1}


async def test_all_of_somebody_end_but_the_one_that_asks(make: Make) -> None:
    sessions = make()
    visitors = await some(sessions, 4)
    for visitor in visitors[:3]:
        await visitor.ask(signs_in("alice"))
    ref = (await visitors[0].ask(lambda session: session.ref)).value
    assert await sessions.end_all(principal="alice", but=ref) == 2
    assert [bool((await visitor.ask(everything)).value) for visitor in visitors] == [True, False, False, True]


async def test_nobody_is_not_everybody(make: Make) -> None:
    sessions = make()
    await some(sessions, 1)
    with pytest.raises(SettingError, match="end_everything"):
        await sessions.end_all(principal=None)  # type: ignore[arg-type]
    assert len(await sessions.find()) == 1
