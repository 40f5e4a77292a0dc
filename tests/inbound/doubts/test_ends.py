"""An end whose answer was lost: the session has ended, and that is announced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Session, Sessions
from sojourn.core.events import Event, SessionEnded
from sojourn.errors import OutcomeUnknown
from sojourn.inbound import doubt
from sojourn.inbound.ending.endings import LEASE
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubt, "PAUSES", (0,) * len(doubt.PAUSES))


@pytest.fixture(params=["never arrived", "was made"])
def lose(request: pytest.FixtureRequest, store: WatchedStore) -> Callable[[str], None]:
    """Loses the answer to the next question of that name: it never arrived, or it was made."""

    def lose(name: str) -> None:
        where = store.before if request.param == "never arrived" else store.after

        async def step(*_: Any) -> None:
            del where[name]
            raise OutcomeUnknown("the answer was lost; look what is stored")

        where[name] = step

    return lose


def ended(told: list[Event]) -> list[str]:
    return [event.reason for event in told if isinstance(event, SessionEnded)]


async def test_it_is_announced_once_now_or_when_the_claim_is_over(
    visitor: Visitor, lose: Callable[[str], None], told: list[Event], clock: FakeClock
) -> None:
    await visitor.ask(sets(a=1))
    lose("end")
    answer = await visitor.ask(Session.end)
    assert (answer.status, visitor.jar) == (200, {})
    clock.advance(seconds=LEASE + 1)
    await visitor.sessions.sweep()
    assert ended(told) == ["signed-out"]


async def test_where_nobody_listens_it_is_over(visitor: Visitor, lose: Callable[[str], None]) -> None:
    await visitor.ask(sets(a=1))
    lose("delete")
    answer = await visitor.ask(Session.end)
    assert (answer.status, visitor.jar) == (200, {})
    assert await visitor.sessions.find() == []


async def test_in_a_store_that_only_deletes_it_is_announced_at_once(
    make: Make, store: WatchedStore, lose: Callable[[str], None], told: list[Event]
) -> None:
    class Plain:
        load, save, touch, delete = store.load, store.save, store.touch, store.delete

    visitor = Visitor(make(store=Plain()))
    visitor.sessions.listen(told.append)
    await visitor.ask(sets(a=1))
    lose("delete")
    await visitor.ask(Session.end)
    assert ended(told) == ["signed-out"]


async def test_a_sign_in_meanwhile_does_not_save_the_session_from_its_end(
    visitor: Visitor, store: WatchedStore, make: Make, told: list[Event]
) -> None:
    await visitor.ask(sets(a=1))
    signed_in = visitor.twin(make())

    async def lost(*_: Any) -> None:
        store.before.clear()
        await signed_in.ask(signs_in("alice"))
        raise OutcomeUnknown("the answer was lost; look what is stored")

    store.before["end"] = lost
    await visitor.ask(Session.end)
    assert (await signed_in.ask(everything)).value == {}
    assert ended(told) == ["signed-out"]


async def test_a_store_that_stays_away_is_a_503(visitor: Visitor, store: WatchedStore, told: list[Event]) -> None:
    await visitor.ask(sets(a=1))

    async def lost(*_: Any) -> None:
        raise OutcomeUnknown("the answer was lost; look what is stored")

    store.before["end"] = lost
    answer = await visitor.ask(Session.end)
    assert (answer.status, answer.cookies, ended(told)) == (503, {}, [])
