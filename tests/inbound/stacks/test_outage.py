"""`outage=…`: what visitors get while the store is away, and that they have their sessions again afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Near, Session, Sessions
from sojourn.errors import SettingError

Make = Callable[..., Sessions]


async def known(sessions: Sessions) -> Visitor:
    await sessions.start()
    visitor = Visitor(sessions)
    await visitor.ask(sets(a=1))
    return visitor


async def test_unless_told_otherwise_a_request_with_a_session_fails(make: Make, store: WatchedStore) -> None:
    visitor = await known(make())
    store.break_down()
    answer = await visitor.ask(everything)
    assert (answer.status, answer.cookies, answer.all("retry-after")) == (503, {}, ["1"])
    store.before.clear()
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_a_request_without_a_session_is_served_under_every_policy(make: Make, store: WatchedStore) -> None:
    for settings in ({}, {"outage": "anonymous"}, {"outage": "read-only", "near": Near()}):
        sessions = make(**settings)
        store.break_down()
        assert (await Visitor(sessions).ask(everything)).value == {}
        store.before.clear()


async def test_anonymous_serves_without_the_session_and_leaves_it_to_its_visitor(
    make: Make, store: WatchedStore
) -> None:
    visitor = await known(make(outage="anonymous"))
    jar = dict(visitor.jar)
    store.break_down()
    for act in (everything, sets(b=2)):
        answer = await visitor.ask(act)
        assert (answer.status, answer.cookies) == (200, {})
    assert (await visitor.ask(signs_in("alice"))).status == 503
    store.before.clear()
    assert visitor.jar == jar
    assert (await visitor.ask(everything)).value == {"a": 1}


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("act", [Session.end, signs_in(None), Session.renew])
async def test_what_is_to_end_and_was_not_loaded_is_not_said_to_have_ended(
    make: Make, store: WatchedStore, act: Callable[[Session], None], *, back: bool
) -> None:
    visitor = Visitor(make(outage="anonymous"))
    await visitor.ask(signs_in("alice"))
    jar = dict(visitor.jar)
    store.break_down()

    def acts(session: Session) -> None:
        act(session)
        if back:
            store.before.clear()

    answer = await visitor.ask(acts)
    assert (answer.status, visitor.jar) == (503, jar)
    store.before.clear()
    assert (await visitor.ask(act)).status == 200
    assert len(await visitor.sessions.find(principal="alice")) == (act is Session.renew)


async def test_what_had_ended_before_the_outage_can_be_ended_once_more(make: Make) -> None:
    visitor = Visitor(make(outage="anonymous"))
    await visitor.ask(sets(a=1))
    jar = dict(visitor.jar)
    await visitor.ask(Session.end)
    visitor.jar = jar
    assert (await visitor.ask(Session.end)).status == 200


async def test_anonymous_lets_a_new_visitor_pass_without_one(make: Make, store: WatchedStore) -> None:
    visitor = Visitor(make(outage="anonymous"))
    store.break_down()
    assert (await visitor.ask(lambda session: (sets(b=2)(session), "served")[1])).value == "served"
    assert visitor.jar == {}


async def test_read_only_shows_copies_and_refuses_changes(make: Make, store: WatchedStore) -> None:
    visitor = await known(make(outage="read-only", near=Near()))
    while not visitor.sessions.store.inner.healthy:  # type: ignore[attr-defined]  # noqa: ASYNC110 - it is no event
        await asyncio.sleep(0)
    await visitor.ask(sets(a=2))
    store.break_down()
    assert (await visitor.ask(everything)).value == {"a": 2}
    for act in (sets(b=2), Session.end, signs_in("alice")):
        assert (await visitor.ask(act)).status == 503
    store.before.clear()
    assert (await visitor.ask(everything)).value == {"a": 2}
    await visitor.sessions.close()


def test_read_only_needs_copies(make: Make) -> None:
    with pytest.raises(SettingError, match="near"):
        make(outage="read-only", near=None)
    with pytest.raises(SettingError, match="outage"):
        make(outage="hope")
