"""Sessions outside of their requests: found, ended, used by whoever knows their ref."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.errors import OutsideRequest, ResponseStarted, SessionEnded, SettingError
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


async def signed_in(sessions: Sessions, principal: str) -> Visitor:
    visitor = Visitor(sessions)
    await visitor.ask(signs_in(principal))
    return visitor


async def ref_of(visitor: Visitor) -> str:
    return str((await visitor.ask(lambda s: s.ref)).value)


async def test_sessions_are_found_by_whose_they_are(sessions: Sessions) -> None:
    alice, bob = await signed_in(sessions, "alice"), await signed_in(sessions, "bob")
    assert [record.principal for record in await sessions.find(principal="alice")] == ["alice"]
    assert [record.ref for record in await sessions.find(ref=await ref_of(bob))] == [await ref_of(bob)]
    assert await sessions.find(principal="carol") == []
    secrets = {alice.id, bob.id}
    assert not [record for record in await sessions.find() if any(secret in str(record) for secret in secrets)]


async def test_what_is_found_comes_in_pages(sessions: Sessions) -> None:
    for number in range(7):
        await signed_in(sessions, f"user{number}")
    found: list[str] = []
    while page := await sessions.find(limit=3, after=found[-1] if found else ""):
        assert len(page) <= 3
        found += [record.ref for record in page]
    assert found == sorted(set(found))
    assert len(found) == 7


async def test_what_has_expired_is_not_found(sessions: Sessions, clock: FakeClock) -> None:
    await signed_in(sessions, "alice")
    clock.advance(hours=1)
    assert await sessions.find() == []


async def test_a_session_is_ended_by_its_ref_wherever_it_is_in_use(
    visitor: Visitor, make: Make, told: list[Event]
) -> None:
    await visitor.ask(sets(a=1))
    ref = await ref_of(visitor)
    assert await visitor.sessions.end(ref)
    assert not await visitor.sessions.end(ref)
    assert (await visitor.twin(make()).ask(everything)).value == {}
    assert [(event.ref, event.reason) for event in told if isinstance(event, events.SessionEnded)] == [(ref, "revoked")]


async def test_a_session_of_another_application_is_out_of_reach(visitor: Visitor, make: Make) -> None:
    await visitor.ask(sets(a=1))
    assert not await make(app="other").end(await ref_of(visitor))
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_all_sessions_of_somebody_are_ended_but_one(sessions: Sessions) -> None:
    phones = [await signed_in(sessions, "alice") for _ in range(3)]
    bob = await signed_in(sessions, "bob")
    kept = await ref_of(phones[1])
    assert await sessions.end_all(principal="alice", but=kept) == 2
    assert [(await phone.ask(lambda s: s.principal)).value for phone in phones] == [None, "alice", None]
    assert (await bob.ask(lambda s: s.principal)).value == "bob"
    assert await sessions.end_all(principal="alice") == 1
    assert await sessions.end_all(principal="alice") == 0


async def test_all_sessions_of_somebody_may_be_many(sessions: Sessions) -> None:
    for _ in range(105):
        await signed_in(sessions, "alice")
    assert await sessions.end_all(principal="alice") == 105


async def test_a_session_can_be_used_outside_of_its_requests(visitor: Visitor, told: list[Event]) -> None:
    await visitor.ask(sets(a=1))
    async with visitor.sessions.access(await ref_of(visitor)) as session:
        session["b"] = session["a"] + 1
        with pytest.raises(ResponseStarted):
            session.renew()
    assert (await visitor.ask(everything)).value == {"a": 1, "b": 2}
    with pytest.raises(OutsideRequest):
        everything(session)


async def test_reading_outside_of_requests_is_no_use_of_a_session(
    visitor: Visitor, store: WatchedStore, clock: FakeClock
) -> None:
    await visitor.ask(sets(a=1))
    ref = await ref_of(visitor)
    clock.advance(minutes=20)
    store.calls.clear()
    async with visitor.sessions.access(ref) as session:
        assert session["a"] == 1
    await visitor.sessions.flush()
    assert store.calls == ["find"]


async def test_what_raised_outside_of_requests_changed_nothing(visitor: Visitor) -> None:
    async def use() -> None:
        async with visitor.sessions.access(await ref_of(visitor)) as session:
            session["a"] = 2
            raise ZeroDivisionError

    await visitor.ask(sets(a=1))
    with pytest.raises(ZeroDivisionError):
        await use()
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_a_session_can_be_ended_and_saved_outside_of_its_requests(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    ref = await ref_of(visitor)
    async with visitor.sessions.access(ref) as session:
        session["a"] = 2
        await session.save()
        assert (await visitor.ask(everything)).value == {"a": 2}
        session.end()
    assert await visitor.sessions.find() == []
    with pytest.raises(SessionEnded, match=ref):
        async with visitor.sessions.access(ref):
            pass


async def test_a_store_that_cannot_be_searched_says_so(make: Make) -> None:
    class Plain:
        async def touch(self, *_: object) -> bool:
            return False

        load = save = delete = touch

    sessions = make(store=Plain(), near=None)
    for asking in (sessions.find(), sessions.end("x"), sessions.end_all(principal="x")):
        with pytest.raises(SettingError, match="Plain lacks `find`"):
            await asking


@pytest.mark.parametrize("app", ["", "a\0b", "\ud800"])
def test_an_application_has_a_name_that_every_store_can_keep(make: Make, app: str) -> None:
    with pytest.raises(SettingError, match="name"):
        make(app=app)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
async def test_no_store_is_asked_for_a_name_that_not_every_store_can_keep(
    visitor: Visitor, store: WatchedStore, name: str
) -> None:
    sessions = visitor.sessions
    assert await sessions.find(ref=name) == await sessions.find(principal=name) == await sessions.find(after=name) == []
    assert (await sessions.end(name), await sessions.end_all(principal=name)) == (False, 0)
    with pytest.raises(SessionEnded):
        async with sessions.access(name):
            pass
    assert store.calls == []


async def test_listeners_are_told_of_the_life_of_a_session_in_order(visitor: Visitor, told: list[Event]) -> None:
    await visitor.ask(sets(a=1))
    await visitor.ask(sets(a=2))
    await visitor.ask(signs_in("alice"))
    await visitor.ask(Session.end)
    assert [type(event).__name__ for event in told] == ["SessionCreated", "IdRenewed", "SessionEnded"]
    assert len({event.ref for event in told}) == 1
    assert visitor.id not in repr(told) if visitor.jar else True


@pytest.mark.parametrize("way", ["ref", "principal"])
async def test_a_session_that_gets_a_new_id_while_it_is_ended_ends_all_the_same(
    visitor: Visitor, store: WatchedStore, way: str
) -> None:
    await visitor.ask(signs_in("alice"))
    ref = await ref_of(visitor)

    async def faster(*_: object) -> None:
        del store.before["delete"]
        await visitor.ask(Session.renew)

    store.before["delete"] = faster
    sessions = visitor.sessions
    assert await (sessions.end(ref) if way == "ref" else sessions.end_all(principal="alice")) == 1
    assert await sessions.find() == []


async def test_a_session_that_ends_by_itself_while_it_is_ended_is_not_counted(
    visitor: Visitor, store: WatchedStore
) -> None:
    await visitor.ask(sets(a=1))
    ref = await ref_of(visitor)

    async def faster(*_: object) -> None:
        del store.before["delete"]
        await visitor.ask(Session.end)

    store.before["delete"] = faster
    assert not await visitor.sessions.end(ref)
