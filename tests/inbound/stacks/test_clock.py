"""Time is that of the store, which all nodes share, unless a clock is given."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Action, Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore, fails

from sojourn import Session, Sessions
from sojourn.errors import StoreUnavailable
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]

DAY = 86_400.0  # seconds


async def test_a_session_begins_and_ends_by_the_clock_of_the_store(make: Make, clock: FakeClock) -> None:
    visitor = Visitor(make(clock=None))
    await visitor.ask(sets(a=1))
    (record,) = await visitor.sessions.find()
    assert record.created_at == clock.now
    clock.advance(minutes=29)
    assert (await visitor.ask(everything)).value == {"a": 1}
    await visitor.sessions.flush()
    clock.advance(minutes=29)
    assert (await visitor.ask(lambda session: session.accessed_at)).value == clock.now - 29 * 60
    clock.advance(hours=1)
    assert (await visitor.ask(everything)).value == {}


def test_a_clock_that_is_given_is_that_of_a_store_that_is_given_as_an_address(clock: FakeClock) -> None:
    sessions = Sessions(clock=clock)
    assert sessions.store.now() == clock.now  # type: ignore[attr-defined]


@pytest.fixture
def remote(store: WatchedStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> WatchedStore:
    """A store whose clock is known when it was opened, and not before."""
    opened: list[bool] = []

    async def opens(*_: object) -> None:
        opened.append(True)

    def now() -> float:
        if not opened:
            raise StoreUnavailable("its clock is not known yet; open it")
        return clock.now

    monkeypatch.setattr(store.store, "remote", True, raising=False)
    monkeypatch.setattr(store.store, "now", now)
    store.before["open"] = opens
    return store


async def test_a_first_session_waits_for_the_clock_of_a_store_that_was_not_opened(
    make: Make, remote: WatchedStore, clock: FakeClock
) -> None:
    visitor = Visitor(make(clock=None, near=None))
    assert (await visitor.ask(everything)).value == {}
    assert "open" not in remote.calls
    await visitor.ask(sets(a=1))
    (record,) = await visitor.sessions.find()
    assert record.created_at == clock.now
    await Visitor(visitor.sessions).ask(sets(a=1))
    assert remote.counts["open"] == 1


async def test_an_end_of_all_waits_for_the_clock_of_a_store_that_was_not_opened(
    make: Make, remote: WatchedStore
) -> None:
    """What was created after it began lives on, so that has to be told from the rest."""
    await make(clock=None, near=None).end_everything()
    assert remote.calls[0] == "open"


async def test_a_session_does_not_begin_by_the_clock_of_a_node_that_could_not_open_the_store(
    make: Make, remote: WatchedStore
) -> None:
    visitor = Visitor(make(clock=None, near=None))
    remote.before["open"] = fails
    assert (await visitor.ask(sets(a=1))).status == 503
    assert "save" not in remote.calls


@pytest.fixture(params=["postgres", "valkey"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.mark.parametrize("act", [sets(a=1), signs_in("alice")])
async def test_the_first_session_of_a_node_whose_clock_is_wrong_begins_by_that_of_the_store(
    url: str, monkeypatch: pytest.MonkeyPatch, act: Action
) -> None:
    now, fresh = time.time(), Sessions(url, near=None)
    monkeypatch.setattr(time, "time", lambda: now - DAY)
    await Visitor(fresh).ask(act)
    (record,) = await fresh.find()
    assert record.created_at == record.renewed_at == pytest.approx(now, abs=30)
    await fresh.close()


async def test_what_a_node_whose_clock_is_wrong_finds_is_used_and_renewed_by_that_of_the_store(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, first = time.time(), Sessions(url, near=None)
    visitor = Visitor(first)
    await visitor.ask(sets(a=1))
    await first.close()
    for act in (Session.renew, everything, sets(b=2)):
        fresh = Sessions(url, near=None, touch="always")
        monkeypatch.setattr(time, "time", lambda: now + DAY)
        visitor.sessions = fresh
        await visitor.ask(act)
        await fresh.flush()
        (record,) = await fresh.find()
        assert record.accessed_at == pytest.approx(now, abs=30)
        assert record.renewed_at == pytest.approx(now, abs=30)
        assert record.expires_at < now + DAY
        await fresh.close()


async def test_while_such_a_store_is_away_who_needs_nothing_of_it_is_served(make: Make, remote: WatchedStore) -> None:
    sessions = make(clock=None, near=None)
    remote.break_down()
    remote.before["open"] = fails
    assert (await Visitor(sessions).ask(everything)).value == {}
    assert (await Visitor(sessions).ask(sets(a=1))).status == 503
