"""What changed in a session, told to those who ask for it, and to nobody else at any cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore, fails

from sojourn import Session, Sessions
from sojourn.core import codec, events
from sojourn.core.events import (
    AttributeAdded,
    AttributeChanged,
    AttributeRemoved,
    AttributeReplaced,
    Event,
    SessionActivated,
    SessionCreated,
    SessionEnded,
    SessionPassivated,
)
from sojourn.errors import StoreUnavailable, Unreadable

Make = Callable[..., Sessions]


@dataclasses.dataclass
class Cart:
    items: list[str] = dataclasses.field(default_factory=list)


@pytest.fixture
def changed(sessions: Sessions) -> list[AttributeChanged]:
    """What `sessions` tell of attributes."""
    told: list[AttributeChanged] = []
    sessions.listen(told.append, AttributeChanged)
    return told


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[codec.Packed]:
    """What is unpacked from now on, for whoever asks for a value."""
    seen: list[codec.Packed] = []
    unpack = codec.unpack

    def watched(packed: codec.Packed) -> Any:
        seen.append(packed)
        return unpack(packed)

    monkeypatch.setattr(codec, "unpack", watched)
    return seen


def plain(told: list[AttributeChanged]) -> list[tuple[str, str, Any, Any]]:
    return [(type(event).__name__.removeprefix("Attribute"), event.name, event.old, event.value) for event in told]


async def test_attributes_are_added_replaced_and_removed(visitor: Visitor, changed: list[AttributeChanged]) -> None:
    await visitor.ask(sets(a=1, b=[1], c=None))
    assert plain(changed) == [("Added", "a", None, 1), ("Added", "b", None, [1]), ("Added", "c", None, None)]
    changed.clear()
    await visitor.ask(lambda s: (s["b"].append(2), s.pop("a"), s.update(d={1, 2})))
    assert plain(changed) == [
        ("Removed", "a", 1, None),
        ("Replaced", "b", [1], [1, 2]),
        ("Added", "d", None, {1, 2}),
    ]


async def test_what_is_set_to_what_it_was_and_what_is_read_are_no_changes(
    visitor: Visitor, changed: list[AttributeChanged]
) -> None:
    await visitor.ask(sets(a=1, b=[1]))
    changed.clear()
    await visitor.ask(lambda s: (s.update(a=1), dict(s), s.view(Cart)))
    await visitor.ask(lambda s: s.renew())
    assert changed == []


async def test_a_view_is_replaced_as_a_whole(visitor: Visitor, changed: list[AttributeChanged]) -> None:
    await visitor.ask(lambda s: s.view(Cart).items.append("a"))
    await visitor.ask(lambda s: s.view(Cart).items.append("b"))
    assert plain(changed) == [
        ("Added", "Cart", None, {"items": ["a"]}),
        ("Replaced", "Cart", {"items": ["a"]}, {"items": ["a", "b"]}),
    ]


async def test_the_old_value_is_what_was_stored_and_not_what_was_read(
    visitor: Visitor, changed: list[AttributeChanged]
) -> None:
    await visitor.ask(sets(a="read"))
    changed.clear()

    async def act(session: Session) -> None:
        everything(session)
        await visitor.twin().ask(sets(a="stored meanwhile", b=1))
        session["a"] = "mine"

    await visitor.ask(act)
    assert plain(changed) == [
        ("Replaced", "a", "read", "stored meanwhile"),
        ("Added", "b", None, 1),
        ("Replaced", "a", "stored meanwhile", "mine"),
    ]


async def test_what_one_principal_leaves_is_removed(visitor: Visitor, changed: list[AttributeChanged]) -> None:
    await visitor.ask(lambda s: (s.update(a=1), signs_in("alice")(s)))
    changed.clear()
    await visitor.ask(signs_in("bob"))
    assert plain(changed) == [("Removed", "a", 1, None)]


async def test_it_is_told_when_the_store_has_it_and_not_before(
    visitor: Visitor, changed: list[AttributeChanged], store: WatchedStore
) -> None:
    async def nothing_yet(*_: Any) -> None:
        assert changed == []

    store.after["save"] = nothing_yet
    await visitor.ask(sets(a=1))
    assert plain(changed) == [("Added", "a", None, 1)]
    store.before["save"] = fails
    changed.clear()
    assert (await visitor.ask(sets(a=2))).status == StoreUnavailable.status_hint
    assert changed == []


async def test_creation_comes_first_and_the_end_says_what_was_held(visitor: Visitor) -> None:
    told: list[Event] = []
    visitor.sessions.listen(told.append, Event)
    await visitor.ask(sets(a=1))
    await visitor.ask(lambda s: s.end())
    assert [type(event) for event in told] == [SessionCreated, SessionPassivated, AttributeAdded, SessionEnded]
    assert isinstance(told[-1], SessionEnded)
    assert told[-1].attributes() == {"a": 1}


async def test_a_session_that_comes_over_from_another_node_is_activated(visitor: Visitor, make: Make) -> None:
    told: list[Event] = []
    other = make(node="n2")
    other.listen(told.append, SessionActivated, SessionPassivated)
    await visitor.ask(sets(a=1))
    twin = visitor.twin(other)
    await twin.ask(everything)
    assert told == []
    await twin.ask(sets(a=2))
    await twin.ask(sets(a=3))
    assert [type(event) for event in told] == [SessionActivated, SessionPassivated, SessionPassivated]


async def test_who_names_no_kind_hears_no_details_and_who_names_some_hears_no_others(visitor: Visitor) -> None:
    every: list[Event] = []
    some: list[Event] = []
    visitor.sessions.listen(every.append)
    visitor.sessions.listen(some.append, AttributeReplaced, events.IdRenewed)
    await visitor.ask(sets(a=1))
    await visitor.ask(renews_and_sets)
    assert [type(event) for event in every] == [SessionCreated, events.IdRenewed]
    assert [type(event) for event in some] == [events.IdRenewed, AttributeReplaced]


def renews_and_sets(session: Session) -> None:
    session.renew()
    session.update(a=2, b=1)


async def test_listeners_are_told_in_order_and_of_an_end_the_other_way_round(visitor: Visitor) -> None:
    told: list[tuple[int, str]] = []
    for number in range(3):
        visitor.sessions.listen(
            lambda event, number=number: told.append((number, type(event).__name__)),  # type: ignore[misc]
            SessionCreated,
            AttributeRemoved,
            AttributeAdded,
            SessionEnded,
        )
    await visitor.ask(sets(a=1))
    await visitor.ask(lambda s: s.end())
    names = ["SessionCreated"] * 3 + ["AttributeAdded"] * 3 + ["SessionEnded"] * 3
    assert told == list(zip([0, 1, 2, 0, 1, 2, 2, 1, 0], names, strict=True))


async def test_one_that_raises_reaches_nobody(
    visitor: Visitor, changed: list[AttributeChanged], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: Event) -> None:
        raise ZeroDivisionError

    sessions = visitor.sessions
    sessions.listen(fail, AttributeChanged)
    sessions.listen(changed.append, AttributeChanged)
    assert (await visitor.ask(sets(secret="hush"))).status == 200
    assert len(changed) == 2
    assert "a listener failed on AttributeAdded" in caplog.text
    assert "hush" not in caplog.text


@pytest.mark.parametrize("listens", [False, True])
async def test_it_costs_nothing_where_nobody_asked_for_it(
    visitor: Visitor, decoded: list[codec.Packed], monkeypatch: pytest.MonkeyPatch, *, listens: bool
) -> None:
    """Also where somebody listens to everything else."""
    if listens:
        visitor.sessions.listen(lambda _: None)
    await visitor.ask(sets(a=[1], b=[2]))
    monkeypatch.setattr(events, "details", None)
    await visitor.ask(sets(a=[2]))
    assert decoded == []


async def test_who_asks_pays_for_what_is_looked_at_alone(
    visitor: Visitor, changed: list[AttributeChanged], decoded: list[codec.Packed]
) -> None:
    await visitor.ask(sets(a=[1], b=[2]))
    await visitor.ask(sets(a=[2]))
    assert decoded == []
    assert changed[-1].old == [1]
    assert len(decoded) == 1


async def test_an_event_shows_no_value_and_what_cannot_be_read_is_told(changed: list[AttributeChanged]) -> None:
    event = AttributeReplaced(ref="theref", app="shop", name="a", packed=b"\xc7\x00\x63", packed_before=b"\x01")
    assert repr(event) == "AttributeReplaced(ref='theref', app='shop', name='a')"
    assert event.old == 1
    with pytest.raises(Unreadable, match="'a'"):
        event.value  # noqa: B018 - it is a property
    with pytest.raises(AttributeError):
        event.name = "b"  # type: ignore[misc]
