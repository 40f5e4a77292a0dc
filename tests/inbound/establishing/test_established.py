"""Sessions of frameworks that track ids themselves, and promise more at once than is stored with an answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sojourn import Lifetime, Limit, Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.core.ids import SessionId
from sojourn.errors import LimitReached, SessionEnded
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]

pytestmark = pytest.mark.usefixtures("once")

UNKNOWN = SessionId("A" * 43)


async def established(sessions: Sessions, **attributes: object) -> Session:
    session = await sessions.load(None)
    session.update(attributes)
    await sessions.keeper.establish(session, session.changes())
    return session


async def again(sessions: Sessions, session: Session) -> Session:
    return await sessions.load(session.given)


async def test_a_session_is_stored_though_it_is_empty(sessions: Sessions, told: list[Event]) -> None:
    session = await established(sessions)
    found = await again(sessions, session)
    assert (found.is_new, dict(found), found.ref, found.version) == (False, {}, session.ref, 1)
    assert [type(event) for event in told] == [events.SessionCreated]


async def test_an_id_that_is_not_stored_is_not_adopted(sessions: Sessions) -> None:
    session = await sessions.load(UNKNOWN)
    assert session.is_new
    await sessions.keeper.establish(session, {})
    assert session.given is not UNKNOWN
    assert (await sessions.load(UNKNOWN)).is_new


async def test_a_renewal_is_carried_out_and_what_was_changed_is_still_to_be_stored(sessions: Sessions) -> None:
    session = await established(sessions, a=1)
    before = session.given
    session["a"] = 2
    session.renew()
    await sessions.keeper.establish(session, {})
    assert (await sessions.load(before)).is_new
    assert dict(await again(sessions, session)) == {"a": 1}
    await session.save()
    assert dict(await again(sessions, session)) == {"a": 2}


async def test_an_end_is_carried_out(sessions: Sessions) -> None:
    session = await established(sessions, a=1)
    given = session.given
    session.end()
    await sessions.keeper.establish(session, {})
    assert (await sessions.load(given)).is_new


async def test_what_has_ended_elsewhere_is_not_brought_back(sessions: Sessions) -> None:
    session = await established(sessions, a=1)
    another = await again(sessions, session)
    another.end()
    await sessions.keeper.establish(another, {})
    session["a"] = 2
    with pytest.raises(SessionEnded):
        await sessions.keeper.establish(session, session.changes())
    assert await sessions.find(ref=session.ref) == []


async def test_a_sign_in_keeps_an_id_that_is_new_and_shuts_out_who_came_before(
    sessions: Sessions, told: list[Event]
) -> None:
    before = await established(sessions, a=1)
    session = await again(sessions, before)
    session.renew()
    await sessions.keeper.establish(session, {})
    renewed = session.given
    session.principal = "alice"
    session.keep_id()
    await session.save()
    found = await again(sessions, session)
    assert (session.given, found.principal, dict(found)) == (renewed, "alice", {"a": 1})
    before["a"] = 2
    with pytest.raises(SessionEnded):
        await before.save()
    renewals = [(event.principal, event.epoch) for event in told if isinstance(event, events.IdRenewed)]
    assert renewals == [(None, 1), ("alice", 2)]
    session.renew()
    await session.save()
    assert session.given is not renewed


async def test_a_sign_in_that_keeps_its_id_counts_towards_the_limit(make: Make) -> None:
    sessions = make(limit=Limit(per_principal=1))
    for number in range(2):
        session = await established(sessions, number=number)
        session.principal = "alice"
        session.keep_id()
        if number:
            with pytest.raises(LimitReached):
                await session.save()
        else:
            await session.save()
    assert [dict(each) for each in await _held(sessions)] == [{"number": 0}]


async def _held(sessions: Sessions) -> list[Session]:
    return [Session(record, 0.0) for record in await sessions.find(principal="alice")]


async def test_a_lifetime_of_its_own_brings_the_end_nearer_or_puts_it_off(
    make: Make, clock: FakeClock, sync: None
) -> None:
    sessions = make(lifetime=Lifetime(idle=600))
    for idle in (60, 6000):
        session = await established(sessions, a=1)
        session.lifetime, session["a"] = Lifetime(idle=idle), 2
        await session.save()
        clock.advance(seconds=idle - 1)
        assert not (await again(sessions, session)).is_new
        clock.advance(seconds=idle)
        assert (await again(sessions, session)).is_new


async def test_a_use_puts_off_the_end_by_the_lifetime_of_its_own(make: Make, clock: FakeClock) -> None:
    sessions = make(lifetime=Lifetime(idle=600))
    session = await established(sessions, a=1)
    for _ in range(3):
        clock.advance(seconds=550)
        session = await again(sessions, session)
        session.lifetime = Lifetime(idle=6000)
        session.mark_accessed()
        await sessions.commit(session)
        await sessions.flush()
    clock.advance(seconds=5990)
    assert not (await again(sessions, session)).is_new


async def test_a_longer_lifetime_counts_from_the_request_that_sets_it(make: Make, clock: FakeClock) -> None:
    sessions = make(lifetime=Lifetime(idle=600))
    session = await again(sessions, await established(sessions, a=1))
    session.lifetime = Lifetime(idle=6000)
    session.mark_accessed()
    await sessions.commit(session)
    await sessions.flush()
    clock.advance(seconds=5990)
    assert not (await again(sessions, session)).is_new
