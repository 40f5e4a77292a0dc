"""What a save writes beside the changes, where two requests meet: nothing, what was read, or all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.errors import SettingError

Make = Callable[..., Sessions]
Action = Callable[[Session], Any]


async def meets(visitor: Visitor, other: Action, *, reads: str | None = "price", writes: str = "total") -> int:
    """Reads one attribute and changes another, while `other` happens at a node that stores changes alone."""
    there = visitor.twin(Sessions(visitor.sessions.store, clock=visitor.sessions._clock))

    async def act(session: Session) -> None:
        if reads is not None:
            session[reads]
        await there.ask(other)
        session[writes] = "mine"

    return (await visitor.ask(act)).status


@pytest.mark.parametrize(
    ("contents", "left"),
    [
        ("changed", {"price": "theirs", "total": "mine", "unread": "theirs", "new": 1}),
        ("read", {"price": 1, "total": "mine", "unread": "theirs", "new": 1}),
        ("all", {"price": 1, "total": "mine", "unread": 1, "gone": 1}),
    ],
)
async def test_what_was_read_or_all_stays_as_the_request_saw_it(
    make: Make, contents: str, left: dict[str, Any]
) -> None:
    visitor = Visitor(make(contents=contents))
    await visitor.ask(sets(price=1, total=1, unread=1, gone=1))

    def other(session: Session) -> None:
        session.update(price="theirs", unread="theirs", new=1)
        del session["gone"]

    assert await meets(visitor, other) == 200
    assert (await visitor.ask(everything)).value == left


@pytest.mark.parametrize(
    ("contents", "refused"),
    [("changed", ["total"]), ("read", ["price", "total"]), ("all", ["price", "total", "unread", "new", "gone"])],
)
async def test_and_is_held_against_others_where_contradictions_are_refused(
    make: Make, contents: str, refused: list[str]
) -> None:
    visitor = Visitor(make(contents=contents, on_conflict="fail"))
    others: dict[str, Action] = {name: sets(**{name: "theirs"}) for name in ("price", "total", "unread", "new")}
    others["gone"] = lambda session: session.pop("gone")
    told: list[str] = []
    for name, other in others.items():
        await visitor.ask(sets(price=1, total=1, unread=1, gone=1))
        if await meets(visitor, other) == 409:
            told.append(name)
        await visitor.ask(lambda session: session.clear())
    assert told == refused


async def test_who_only_reads_writes_nothing(make: Make, store: WatchedStore) -> None:
    for contents in ("read", "all"):
        visitor = Visitor(make(contents=contents))
        await visitor.ask(sets(a=1))
        store.calls.clear()
        await visitor.ask(everything)
        assert store.calls == ["load"]


async def test_a_sign_in_brings_back_nothing_that_was_somebody_elses(make: Make) -> None:
    visitor = Visitor(make(contents="all"))
    await visitor.ask(sets(a=1))
    await visitor.ask(signs_in("alice"))

    def sign_in(session: Session) -> None:
        everything(session)
        session.principal = "bob"
        session["b"] = 1

    await visitor.ask(sign_in)
    assert (await visitor.ask(everything)).value == {"b": 1}


async def test_only_what_was_changed_counts_as_a_change(make: Make) -> None:
    sessions = make(contents="all")
    visitor, told = Visitor(sessions), list[Event]()
    await visitor.ask(sets(a=1, b=1))
    sessions.listen(told.append, events.ChangesDropped)

    async def act(session: Session) -> None:
        session["a"] = 2
        await visitor.twin().ask(lambda other: other.end())

    await visitor.ask(act)
    (dropped,) = told
    assert isinstance(dropped, events.ChangesDropped)
    assert dropped.names == ("a",)


def test_a_word_that_is_none_is_refused(make: Make) -> None:
    with pytest.raises(SettingError, match="'changed' or 'read' or 'all'"):
        make(contents="some")
