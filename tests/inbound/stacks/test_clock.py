"""Time is that of the store, which all nodes share, unless a clock is given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets
from tests.fixtures.watched import WatchedStore, fails

from sojourn import Sessions
from sojourn.errors import StoreUnavailable
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


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


async def test_while_such_a_store_is_away_who_needs_nothing_of_it_is_served(make: Make, remote: WatchedStore) -> None:
    sessions = make(clock=None, near=None)
    remote.break_down()
    remote.before["open"] = fails
    assert (await Visitor(sessions).ask(everything)).value == {}
    assert (await Visitor(sessions).ask(sets(a=1))).status == 503
