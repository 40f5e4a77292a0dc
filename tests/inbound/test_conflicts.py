"""Two requests with one session: merged, refused, overtaken, or ended by one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import Gate, WatchedStore
from tests.inbound.conftest import Seen

from sojourn import Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.core.record import Record
from sojourn.errors import Conflict, Contradiction
from sojourn.inbound.keeping.commits import TRIES

Make = Callable[..., Sessions]
Action = Callable[[Session], Any]


async def meanwhile(slow: Visitor, action: Action, *others: Any) -> Any:
    """The answer to `action` of a request during which `others` happened."""
    handler = Gate()

    async def act(session: Session) -> Any:
        everything(session)  # it has read what was stored before
        await handler()
        return action(session)

    asking = asyncio.create_task(slow.ask(act))
    await handler.reached.wait()
    for other in others:
        await other
    handler.opened.set()
    return await asking


@pytest.fixture
def slow(another_node: bool, make: Make, visitor: Visitor) -> Callable[[], Visitor]:
    """Makes a twin of the visitor, whose requests arrive at the same node, or at another."""
    node = make() if another_node else visitor.sessions
    return lambda: visitor.twin(node)


@pytest.mark.usefixtures("sync")
async def test_changes_of_different_attributes_are_both_kept(
    visitor: Visitor, slow: Callable[[], Visitor], seen: Seen
) -> None:
    await visitor.ask(sets(a=1, b=1, c=1))
    answer = await meanwhile(slow(), lambda s: (s.update(b=2), s.pop("c")), visitor.ask(sets(a=2, d=2)))
    assert answer.status == 200
    both = {"a": 2, "b": 2, "d": 2}
    answer = await seen(visitor, everything, both)
    assert (answer.value, answer.cookies) == (both, {"__Host-id-v": "3"})


@pytest.mark.usefixtures("sync")
async def test_of_two_changes_of_one_attribute_the_later_commit_wins(
    visitor: Visitor, slow: Callable[[], Visitor], seen: Seen
) -> None:
    await visitor.ask(sets(a=1))
    await meanwhile(slow(), sets(a="slow"), visitor.ask(sets(a="quick")))
    assert (await seen(visitor, everything, {"a": "slow"})).value == {"a": "slow"}


@pytest.mark.usefixtures("sync")
async def test_two_changes_of_one_attribute_are_refused_on_request(make: Make, visitor: Visitor) -> None:
    await visitor.ask(sets(a=1, b=1))
    answer = await meanwhile(
        visitor.twin(make(on_conflict="fail")), sets(a="slow", b="slow"), visitor.ask(sets(a="quick"))
    )
    assert (answer.status, answer.cookies) == (409, {})
    assert (await visitor.ask(lambda s: (dict(s), s.version))).value == [{"a": "quick", "b": 1}, 2]


@pytest.mark.parametrize("mine", [sets(b=2), sets(a="quick")])
async def test_what_does_not_contradict_is_merged_where_contradictions_are_refused(
    make: Make, visitor: Visitor, mine: Action
) -> None:
    await visitor.ask(sets(a=1, b=1))
    answer = await meanwhile(visitor.twin(make(on_conflict="fail")), mine, visitor.ask(sets(a="quick")))
    assert answer.status == 200
    assert (await visitor.ask(lambda s: s["a"])).value == "quick"


@pytest.mark.usefixtures("sync")
async def test_a_contradiction_after_the_first_byte_is_raised(make: Make, visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    other = visitor.twin(make(on_conflict="fail"))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["session"]["a"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await visitor.ask(sets(a=2))
        scope["session"]["a"] = 3
        await send({"type": "http.response.body"})

    answer = await other.call(app)
    assert isinstance(answer.error, Contradiction)
    assert answer.error.names == ("a",)


async def test_many_commits_on_one_node_wait_for_their_turn_instead_of_colliding(
    visitor: Visitor, store: WatchedStore
) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    loaded, gate = asyncio.Barrier(30), store.pause("save")

    async def act(session: Session, name: str) -> None:
        everything(session)
        await loaded.wait()
        session[name] = 1

    asking = [asyncio.create_task(visitor.twin().ask(partial(act, name=f"n{n}"))) for n in range(30)]
    await gate.reached.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(*asking)
    assert store.counts == {"load": 30, "save": 30}
    assert len((await visitor.ask(everything)).value) == 31


async def test_collisions_without_end_are_a_503(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    collisions = 0

    async def faster(record: Record, *_: Any) -> None:
        nonlocal collisions
        collisions += 1
        stored = await store.store.load(record.key, record.app)
        await store.store.save(msgspec.structs.replace(stored, version=stored.version + 1), over=stored)

    store.before["save"] = faster
    answer = await visitor.ask(sets(a=2))
    assert (answer.status, answer.all("retry-after"), answer.cookies, collisions) == (503, ["1"], {}, TRIES)
    store.before.clear()
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_a_conflict_that_does_not_say_with_what_is_asked_after(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    stood: list[bool] = []

    async def once(record: Record, *_: Any) -> None:
        if not stood:
            stood.append(True)
            stored = await store.store.load(record.key, record.app)
            await store.store.save(msgspec.structs.replace(stored, version=stored.version + 1), over=stored)
            raise Conflict

    store.before["save"] = once
    assert (await visitor.ask(sets(b=2))).status == 200
    assert (await visitor.ask(everything)).value == {"a": 1, "b": 2}


async def test_an_id_that_is_taken_creates_nothing(visitor: Visitor, store: WatchedStore, told: list[Event]) -> None:
    async def taken(*_: Any) -> None:
        raise Conflict

    store.before["save"] = taken
    answer = await visitor.ask(sets(a=1))
    assert answer.cookies == {}
    assert [type(event).__name__ for event in told] == ["ChangesDropped"]


# --- ended meanwhile -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sync")
@pytest.mark.parametrize("change", [sets(a=2), signs_in("mallory"), Session.renew, Session.end])
async def test_what_has_ended_meanwhile_is_not_brought_back(
    visitor: Visitor, slow: Callable[[], Visitor], change: Action
) -> None:
    await visitor.ask(sets(a=1))
    late = slow()
    answer = await meanwhile(late, change, visitor.twin().ask(Session.end))
    assert (answer.status, answer.cookies) == (200, {})
    assert await visitor.sessions.find() == []
    assert (await visitor.ask(everything)).value == {}


async def test_what_is_dropped_since_its_session_has_ended_is_told(visitor: Visitor, told: list[Event]) -> None:
    await visitor.ask(sets(a=1))
    ref = (await visitor.ask(lambda s: s.ref)).value
    told.clear()
    await meanwhile(visitor.twin(), sets(a=2, b=2), visitor.twin().ask(Session.end))
    ended, dropped = told
    assert (ended.ref, dropped.ref) == (ref, ref)
    assert isinstance(ended, events.SessionEnded)
    assert (ended.reason, ended.event_id, ended.attributes()) == ("signed-out", f"default/{ref}/ended", {"a": 1})
    assert isinstance(dropped, events.ChangesDropped)
    assert set(dropped.names) == {"a", "b"}


async def test_of_many_that_end_a_session_one_announces_it(make: Make, visitor: Visitor, told: list[Event]) -> None:
    other = make()
    other.listen(told.append)
    await visitor.ask(sets(a=1))
    together = asyncio.Barrier(20)

    async def act(session: Session) -> None:
        await together.wait()
        session.end()

    twins = [visitor.twin(node) for node in (visitor.sessions, other) for _ in range(10)]
    await asyncio.gather(*(twin.ask(act) for twin in twins))
    assert sum(isinstance(event, events.SessionEnded) for event in told) == 1


# --- signed in meanwhile ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sync")
@pytest.mark.parametrize("change", [sets(a=2), Session.renew, everything])
async def test_a_sign_in_meanwhile_leaves_the_old_request_nothing_to_say(
    visitor: Visitor, slow: Callable[[], Visitor], change: Action
) -> None:
    await visitor.ask(sets(a=1))
    answer = await meanwhile(slow(), change, visitor.ask(signs_in("alice")))
    assert (answer.status, answer.cookies) == (200, {})
    assert (await visitor.ask(lambda s: (s["a"], s.principal))).value == [1, "alice"]
    assert len(await visitor.sessions.find()) == 1


@pytest.mark.parametrize("change", [sets(a=2), Session.renew, Session.end])
async def test_a_request_with_an_id_that_a_sign_in_replaced_sets_creates_and_clears_nothing(
    visitor: Visitor, slow: Callable[[], Visitor], change: Action
) -> None:
    await visitor.ask(sets(a=1))
    late = slow()
    await visitor.ask(signs_in("alice"))
    answer = await late.ask(lambda s: (change(s), None)[1])
    assert answer.cookies == {}
    assert [record.principal for record in await visitor.sessions.find()] == ["alice"]


async def test_a_sign_in_by_a_late_request_is_what_the_visitor_did_last(
    visitor: Visitor, slow: Callable[[], Visitor]
) -> None:
    await visitor.ask(sets(a=1))
    late = slow()
    await visitor.ask(signs_in("alice"))
    assert (await late.ask(signs_in("bob"))).cookies.keys() == {"__Host-id", "__Host-id-v"}
    assert (await late.ask(lambda s: s.principal)).value == "bob"
    assert (await visitor.ask(lambda s: s.principal)).value == "alice"


async def test_everybody_who_signs_in_without_anything_else_has_a_session(make: Make) -> None:
    sessions = make()
    visitors = [Visitor(sessions) for _ in range(3)]
    for number, visitor in enumerate(visitors):
        await visitor.ask(signs_in(f"user{number}"))
    assert [(await visitor.ask(lambda s: s.principal)).value for visitor in visitors] == ["user0", "user1", "user2"]
    assert len({record.ref for record in await sessions.find()}) == 3


@pytest.mark.parametrize("elsewhere", [sets(a="elsewhere"), signs_in("alice")])
async def test_what_this_node_stored_before_another_did_is_not_taken_for_the_newest(
    make: Make, store: WatchedStore, elsewhere: Action
) -> None:
    visitor = Visitor(make(on_conflict="fail"))
    await visitor.ask(sets(a=1, b=1))
    late = store.pause_after("save")
    first = asyncio.create_task(visitor.twin().ask(sets(b=2)))
    await late.reached.wait()  # stored, but this node has not heard of it
    await visitor.twin(make()).ask(sets(b=2))
    other = visitor.twin(make())
    await other.ask(elsewhere)
    loaded = store.pause_after("load")
    loaded.opened.set()
    second = asyncio.create_task(other.twin(visitor.sessions).ask(sets(a="here")))
    await loaded.reached.wait()
    for _ in range(10):  # until it waits for its turn
        await asyncio.sleep(0)
    late.opened.set()
    assert [(await each).status for each in (first, second)] == [200, 200]
    assert (await other.ask(lambda s: s["a"])).value == "here"


async def two_saves(session: Session) -> None:
    """As parts of a handler do that know nothing of each other."""

    async def part(name: str) -> None:
        session[name] = 1
        await session.save()

    await asyncio.gather(part("a"), part("b"))


@pytest.mark.parametrize("on_conflict", ["merge", "fail"])
async def test_tasks_of_one_request_that_save_at_once_do_not_end_its_session(make: Make, on_conflict: str) -> None:
    visitor = Visitor(make(on_conflict=on_conflict))
    created = await visitor.ask(two_saves)
    assert created.cookies.keys() == {"__Host-id", "__Host-id-v"}
    answer = await visitor.ask(everything)
    assert (answer.value, answer.cookies) == ({"a": 1, "b": 1}, {})


async def test_tasks_of_one_request_that_save_at_once_after_a_sign_in_renew_once(
    visitor: Visitor, told: list[Event]
) -> None:
    async def sign_in(session: Session) -> None:
        session.principal = "alice"
        await two_saves(session)

    await visitor.ask(sets(c=1))
    told.clear()
    await visitor.ask(sign_in)
    answer = await visitor.ask(lambda session: [session.principal, everything(session)])
    assert (answer.value, answer.cookies) == (["alice", {"a": 1, "b": 1, "c": 1}], {})
    assert [type(event) for event in told] == [events.IdRenewed]


async def test_what_a_task_saves_after_another_of_its_request_lost_the_session_is_dropped(
    visitor: Visitor, told: list[Event]
) -> None:
    async def loses(session: Session) -> list[str]:
        everything(session)
        await visitor.twin().ask(Session.end)
        told.clear()
        saves = await asyncio.gather(two_saves(session), two_saves(session), return_exceptions=True)
        return [type(save).__name__ for save in saves]

    await visitor.ask(sets(a=0))
    assert (await visitor.ask(loses)).value == ["SessionEnded", "SessionEnded"]
    assert {type(event) for event in told} == {events.ChangesDropped}
