"""Values that are told when they come into a session and when they leave it."""

from __future__ import annotations

import dataclasses

import pytest
from tests.fixtures.visitor import Visitor, sets

from sojourn.core.binding import Bound, tell_values
from sojourn.core.events import AttributeChanged, SessionEnded

TOLD: list[tuple[str, str, str]] = []


@dataclasses.dataclass
class Seat:
    """A value that keeps a book of who sits where."""

    number: str
    fails: bool = False

    def value_bound(self, event: AttributeChanged) -> None:
        TOLD.append((self.number, "bound", event.name))
        if self.fails:
            raise ZeroDivisionError

    def value_unbound(self, event: AttributeChanged | SessionEnded) -> None:
        TOLD.append((self.number, "unbound", type(event).__name__))
        if self.fails:
            raise ZeroDivisionError


@pytest.fixture(autouse=True)
def _told() -> None:
    TOLD.clear()


@pytest.fixture
def bound(visitor: Visitor) -> Visitor:
    visitor.sessions.listen(tell_values, AttributeChanged, SessionEnded)
    return visitor


def test_a_value_with_both_methods_is_one() -> None:
    assert isinstance(Seat("1a"), Bound)
    assert not isinstance("1a", Bound)


async def test_a_value_is_told_when_it_comes_and_when_it_goes(bound: Visitor) -> None:
    await bound.ask(sets(seat=Seat("1a"), other=1))
    assert TOLD == [("1a", "bound", "seat")]
    await bound.ask(lambda session: session.pop("seat"))
    assert TOLD[1:] == [("1a", "unbound", "AttributeRemoved")]


async def test_what_takes_its_place_is_told_first(bound: Visitor) -> None:
    await bound.ask(sets(seat=Seat("1a")))
    await bound.ask(sets(seat=Seat("1b")))
    assert TOLD[1:] == [("1b", "bound", "seat"), ("1a", "unbound", "AttributeReplaced")]
    await bound.ask(lambda session: setattr(session["seat"], "number", "1c"))
    assert TOLD[3:] == [("1c", "bound", "seat"), ("1b", "unbound", "AttributeReplaced")]


async def test_at_the_end_all_are_told(bound: Visitor) -> None:
    await bound.ask(sets(a=Seat("1a"), b="no seat", c=Seat("1c")))
    TOLD.clear()
    (record,) = await bound.sessions.find()
    await bound.sessions.end(record.ref)
    assert TOLD == [("1a", "unbound", "SessionEnded"), ("1c", "unbound", "SessionEnded")]


async def test_one_that_raises_keeps_no_other_from_being_told(bound: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    await bound.ask(sets(seat=Seat("1a")))
    assert (await bound.ask(sets(seat=Seat("1b", fails=True)))).status == 200
    await bound.ask(sets(other=Seat("2a")))
    await bound.ask(lambda session: session.end())
    assert TOLD[1:] == [
        ("1b", "bound", "seat"),
        ("1a", "unbound", "AttributeReplaced"),
        ("2a", "bound", "other"),
        ("1b", "unbound", "SessionEnded"),
        ("2a", "unbound", "SessionEnded"),
    ]
    assert caplog.text.count("a listener failed on") == 2


async def test_none_is_told_where_nobody_asked_for_it(visitor: Visitor) -> None:
    await visitor.ask(sets(seat=Seat("1a")))
    await visitor.ask(lambda session: session.end())
    assert TOLD == []
