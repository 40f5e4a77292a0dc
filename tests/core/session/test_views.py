"""Typed views: objects of the application's classes, which old and new versions of it can use side by side."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import uuid
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.codec import samples
from tests.core.codec.samples import Cart, Colour, Item, Rank, Right, Word
from tests.core.records import holding, packed, record, unpacked

from sojourn import transient
from sojourn.core.codec import Packed
from sojourn.core.merge import merge
from sojourn.core.session import Session
from sojourn.errors import NotStorable, SettingError, ViewMismatch


class Line(msgspec.Struct):
    sku: str
    number: int = 1


class Basket(msgspec.Struct):
    lines: list[Line] = msgspec.field(default_factory=list)
    note: str = ""


class Card(msgspec.Struct, tag=True):
    number: str


class Cash(msgspec.Struct, tag="cash", tag_field="kind"):
    amount: decimal.Decimal


class Bill(msgspec.Struct, tag="bill", tag_field="kind"):
    days: int = 30


class Pair(msgspec.Struct, array_like=True):
    x: int
    y: int = 0


class TaggedPair(msgspec.Struct, array_like=True, tag="p"):
    x: int


class Shelf(msgspec.Struct):
    places: dict[int, list[str]]
    colours: dict[Word, int] = msgspec.field(default_factory=dict)


class Wired(msgspec.Struct, array_like=True):
    x: int = 0
    socket: Annotated[Any, transient] = None


class Everything(msgspec.Struct, kw_only=True):
    """A field of every kind that a view can have."""

    number: int = 0
    big: int = 0
    decimal: decimal.Decimal = decimal.Decimal(0)
    text: str | None = None
    raw: bytes = b""
    when: dt.datetime | None = None
    day: dt.date | None = None
    hour: dt.time | None = None
    span: dt.timedelta = dt.timedelta()
    name: uuid.UUID | None = None
    colour: Word = Word.NO
    rank: Rank = Rank.LOW
    tags: set[str] = msgspec.field(default_factory=set)
    fixed: frozenset[int] = frozenset()
    pair: tuple[int, str] = (0, "")
    by_number: dict[int, list[str]] = msgspec.field(default_factory=dict)
    line: Line | None = None
    lines: list[Line] = msgspec.field(default_factory=list)
    item: Item | None = None
    payment: Cash | Bill | None = None
    card: Card | None = None
    point: Pair | None = None
    points: dict[str, TaggedPair] = msgspec.field(default_factory=dict)
    shelves: list[Shelf] = msgspec.field(default_factory=list)
    by_rank: dict[Rank, int] = msgspec.field(default_factory=dict)
    wired: Wired | None = None
    anything: Any = None


class OldCart(msgspec.Struct):
    items: list[str] = msgspec.field(default_factory=list)


class NewCart(msgspec.Struct, rename={"items": "items", "coupon": "couponCode"}):
    items: list[str] = msgspec.field(default_factory=list)
    coupon: str | None = None
    price: int | msgspec.UnsetType = msgspec.UNSET


@dataclasses.dataclass
class Connection:
    host: str = "a"
    socket: Annotated[Any, transient] = None


def after(session: Session, stored: dict[str, Packed]) -> dict[str, Packed]:
    return merge(stored, session.changes())


def again(stored: dict[str, Packed]) -> Session:
    from sojourn.core import codec

    return Session(record(data=codec.write(stored)), 0.0)


def test_a_view_of_nothing_has_defaults_and_creates_nothing() -> None:
    session = Session(None, 0.0)
    assert session.view(Basket) == Basket()
    assert session.view(Cart, at="other") == Cart()
    assert session.changes() == {}
    session = Session(holding(a=1), 0.0)
    session.view(Basket)
    assert session.changes() == {}


def test_a_view_is_one_object_under_the_name_of_its_class_or_another() -> None:
    session = Session(holding(Basket={"note": "a"}, other={"note": "b"}), 0.0)
    basket, other = session.view(Basket), session.view(Basket, at="other")
    assert (basket.note, other.note) == ("a", "b")
    assert session.view(Basket) is basket
    assert session["Basket"] is basket
    assert session.view(Basket, at="other") is other is not basket


def test_what_is_changed_in_a_view_is_stored_and_comes_back_typed() -> None:
    session = Session(None, 0.0)
    session.view(Basket).lines.append(Line("a"))
    stored = after(session, {})
    assert unpacked(stored) == {"Basket": {"lines": [{"sku": "a", "number": 1}], "note": ""}}
    session = again(stored)
    session.view(Basket).lines[0].number += 1
    stored = after(session, stored)
    assert again(stored).view(Basket) == Basket([Line("a", 2)])


FIELDS: list[tuple[str, Any]] = [
    ("number", 5),
    ("big", 2**200),
    ("decimal", decimal.Decimal("1.50")),
    ("text", "ä"),
    ("raw", b"\xff"),
    ("when", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    ("day", dt.date(2024, 1, 1)),
    ("hour", dt.time(1)),
    ("span", dt.timedelta(1, 2, 3)),
    ("name", uuid.UUID(int=5)),
    ("colour", Word.YES),
    ("rank", Rank.HIGH),
    ("tags", {"a", "b"}),
    ("fixed", frozenset({1})),
    ("pair", (1, "a")),
    ("by_number", {1: ["a"], 2: []}),
    ("line", Line("a", 2)),
    ("lines", [Line("a"), Line("b")]),
    ("item", Item("a", 2)),
    ("payment", Cash(decimal.Decimal(5))),
    ("payment", Bill(10)),
    ("card", Card("1")),
    ("point", Pair(1, 2)),
    ("points", {"a": TaggedPair(1)}),
    ("shelves", [Shelf({1: ["a"], 2: []}, {Word.YES: 1})]),
    ("by_rank", {Rank.HIGH: 1}),
    ("anything", {"a": (1, {2})}),
]


@pytest.mark.parametrize(("name", "value"), FIELDS, ids=lambda value: type(value).__name__)
def test_a_field_of_any_kind_comes_back_as_it_was(name: str, value: Any) -> None:
    session = Session(None, 0.0)
    setattr(session.view(Everything), name, value)
    stored = after(session, {})
    session = again(stored)
    found = getattr(session.view(Everything), name)
    assert found == value
    assert type(found) is type(value)
    assert session.changes() == {}


def test_an_object_that_was_put_in_can_be_viewed_and_changed_without_loss() -> None:
    stored = packed(Cart=Cart(["a"]), Basket=Basket([Line("a")], "old"))
    session = again(stored)
    assert session.view(Cart) == Cart(["a"])
    session.view(Basket).note = "new"
    stored = after(session, stored)
    assert unpacked(stored) == {"Cart": Cart(["a"]), "Basket": Basket([Line("a")], "new")}
    assert again(stored).view(Basket) == Basket([Line("a")], "new")


def test_an_object_that_is_put_in_stays_one_although_it_is_viewed() -> None:
    session = Session(None, 0.0)
    session["Basket"] = Basket([Line("a")])
    session.view(Basket).note = "b"
    stored = after(session, {})
    assert unpacked(stored) == {"Basket": Basket([Line("a")], "b")}


def test_a_change_inside_an_object_that_was_put_in_is_found_once() -> None:
    stored = packed(Basket=Basket([Line("a")]))
    session = again(stored)
    basket = session.view(Basket)
    assert session.changes() == {}
    basket.lines[0].number = 2
    assert session.changes().keys() == {"Basket"}
    basket.lines[0].number = 1
    assert session.changes() == {}


def test_fields_that_the_class_does_not_know_stay() -> None:
    stored = packed(cart={"items": ["a"], "couponCode": "x", "later": {1}})
    session = again(stored)
    session.view(OldCart, at="cart").items.append("b")
    assert unpacked(after(session, stored)) == {"cart": {"items": ["a", "b"], "couponCode": "x", "later": {1}}}


def test_an_old_and_a_new_version_of_a_class_destroy_nothing_of_each_other() -> None:
    stored: dict[str, Packed] = {}
    for turn in range(3):
        session = again(stored)
        session.view(OldCart, at="cart").items.append(f"old {turn}")
        stored = after(session, stored)
        session = again(stored)
        new = session.view(NewCart, at="cart")
        assert new.coupon == (None if turn == 0 else f"c{turn - 1}")
        new.items.append(f"new {turn}")
        new.coupon = f"c{turn}"
        stored = after(session, stored)
    items = [f"{which} {turn}" for turn in range(3) for which in ("old", "new")]
    assert unpacked(stored) == {"cart": {"items": items, "couponCode": "c2"}}


def test_a_new_field_of_a_class_is_no_change() -> None:
    session = Session(holding(cart={"items": ["a"]}), 0.0)
    assert session.view(NewCart, at="cart") == NewCart(["a"])
    assert session.changes() == {}


def test_an_unset_field_is_not_stored_and_can_be_unset_again() -> None:
    stored = packed(cart={"items": [], "price": 5, "other": 1})
    session = again(stored)
    view = session.view(NewCart, at="cart")
    view.price = msgspec.UNSET
    stored = after(session, stored)
    assert unpacked(stored) == {"cart": {"items": [], "other": 1}}
    session = again(stored)
    session.view(NewCart, at="cart").price = 6
    assert unpacked(after(session, stored)) == {"cart": {"items": [], "other": 1, "price": 6}}


def test_a_transient_field_is_not_stored() -> None:
    session = Session(None, 0.0)
    view = session.view(Connection)
    view.socket = object()
    assert session.changes() == {}
    view.host = "b"
    assert unpacked(after(session, {})) == {"Connection": {"host": "b"}}


def test_a_view_over_a_value_that_was_assigned() -> None:
    session = Session(None, 0.0)
    session["Basket"] = {"note": "a", "lines": []}
    basket = session.view(Basket)
    assert basket == Basket(note="a")
    basket.lines.append(Line("b"))
    stored = after(session, {})
    assert again(stored).view(Basket) == Basket([Line("b")], "a")


def test_a_view_over_a_dict_that_was_read_and_changed() -> None:
    stored = packed(Basket={"note": "a", "lines": [], "later": 1})
    session = again(stored)
    session["Basket"]["note"] = "b"
    assert session.view(Basket).note == "b"
    assert again(after(session, stored)).view(Basket) == Basket(note="b")
    assert unpacked(after(session, stored))["Basket"]["later"] == 1


def test_assigning_over_a_view_puts_that_in_its_place() -> None:
    stored = packed(Basket={"note": "a", "later": 1})
    session = again(stored)
    session.view(Basket).note = "b"
    session["Basket"] = 5
    assert session["Basket"] == 5
    assert unpacked(after(session, stored)) == {"Basket": 5}
    with pytest.raises(ViewMismatch):
        session.view(Basket)


def test_deleting_a_view_deletes_it_and_a_new_view_has_defaults() -> None:
    stored = packed(Basket={"note": "a", "later": 1})
    session = again(stored)
    session.view(Basket).note = "b"
    del session["Basket"]
    assert after(session, stored) == {}
    assert session.view(Basket) == Basket()
    session.view(Basket).note = "c"
    assert unpacked(after(session, stored)) == {"Basket": {"lines": [], "note": "c"}}


def test_a_view_of_what_was_deleted_brings_nothing_back() -> None:
    stored = packed(Basket={"note": "a"})
    session = again(stored)
    del session["Basket"]
    session.view(Basket)
    assert "a" not in str(unpacked(after(session, stored)))


def test_two_classes_under_one_name_are_refused_in_one_request() -> None:
    session = Session(holding(cart={"items": []}), 0.0)
    session.view(OldCart, at="cart")
    with pytest.raises(ViewMismatch, match="in use as OldCart"):
        session.view(NewCart, at="cart")


MISFITS: list[tuple[Any, str]] = [
    ({"lines": [{"sku": "a"}, {"sku": 5}]}, "$.lines[1].sku"),
    ({"lines": [{}]}, "$.lines[0]"),
    ({"lines": 5}, "$.lines"),
    ({"note": ["s3cret"]}, "$.note"),
    (5, "Basket"),
    (["s3cret"], "Basket"),
    ("s3cret", "Basket"),
    (None, "Basket"),
    ({1: 2}, "Basket"),
    (Item("s3cret"), "Basket"),
    ({"lines": [{"sku": "a", "number": "s3cret"}]}, "$.lines[0].number"),
]


@pytest.mark.parametrize(("value", "path"), MISFITS)
def test_data_that_does_not_fit_is_named_with_its_path_and_not_shown(value: Any, path: str) -> None:
    session = Session(holding(Basket=value), 0.0)
    with pytest.raises(ViewMismatch) as caught:
        session.view(Basket)
    assert "session['Basket']" in str(caught.value)
    assert path in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert session["Basket"] == value
    assert session.changes() == {}


def test_a_member_that_an_enum_has_not_is_not_shown() -> None:
    session = Session(holding(Everything={"colour": "s3cret"}), 0.0)
    with pytest.raises(ViewMismatch) as caught:
        session.view(Everything)
    assert "s3cret" not in str(caught.value)
    assert "$.colour" in str(caught.value)


@pytest.mark.parametrize("kind", [Colour, int, dict, object, str, Right, samples.Person])
def test_what_is_no_dataclass_and_no_struct_is_refused(kind: type) -> None:
    with pytest.raises(SettingError, match="a view is a dataclass or a msgspec Struct"):
        Session(None, 0.0).view(kind)


def test_a_view_without_defaults_needs_data() -> None:
    with pytest.raises(ViewMismatch, match="give new fields a default"):
        Session(None, 0.0).view(Line)
    assert Session(holding(Line={"sku": "a"}), 0.0).view(Line) == Line("a")


def test_a_field_that_cannot_be_stored_is_named_with_its_place() -> None:
    session = Session(None, 0.0)
    session.view(Everything).anything = {"a": [1j]}
    with pytest.raises(NotStorable) as caught:
        session.changes()
    assert caught.value.path == "session['Everything'].anything['a'][0]"


def test_a_transient_field_has_no_place_in_a_list() -> None:
    session = Session(None, 0.0)
    session.view(Everything).wired = Wired(1, object())
    with pytest.raises(NotStorable, match="array_like") as caught:
        session.changes()
    assert caught.value.path == "session['Everything'].wired"


def test_a_view_that_another_request_deletes_or_replaces_is_stored_whole() -> None:
    stored = packed(Line={"sku": "a", "number": 1, "later": 1})
    for theirs in ({}, packed(Line=5), packed(Line=Line("b"))):
        session = again(stored)
        session.view(Line).number = 2
        assert again(after(session, theirs)).view(Line) == Line("a", 2)


def test_a_view_that_two_requests_create_has_the_fields_that_each_changed() -> None:
    mine, theirs = Session(None, 0.0), Session(None, 0.0)
    mine.view(Basket).note = "mine"
    theirs.view(Basket).lines.append(Line("theirs"))
    for one, other in ((mine, theirs), (theirs, mine)):
        assert again(after(one, after(other, {}))).view(Basket) == Basket([Line("theirs")], "mine")


def test_an_unreadable_attribute_is_no_view() -> None:
    session = Session(record(data=b"\x81\xa6Basket\xc7\x00\x63"), 0.0)
    with pytest.raises(ViewMismatch, match="cannot be read"):
        session.view(Basket)
    assert session.changes() == {}


lines = st.lists(st.builds(Line, st.text("ab", max_size=2), st.integers(0, 3)), max_size=3)
notes = st.text("xy", max_size=2)


@given(lines, notes, lines, notes, st.dictionaries(st.sampled_from(["later", "more"]), st.integers(0, 9)))
def test_a_view_stores_what_it_was_left_as_and_nothing_when_it_was_left(
    old: list[Line], old_note: str, new: list[Line], new_note: str, unknown: dict[str, int]
) -> None:
    plain = [{"sku": line.sku, "number": line.number} for line in old]
    stored = packed(Basket={"lines": plain, "note": old_note, **unknown})
    session = again(stored)
    basket = session.view(Basket)
    basket.lines[:] = new
    basket.note = new_note
    assert (session.changes() == {}) is ((old, old_note) == (new, new_note))
    stored = after(session, stored)
    assert again(stored).view(Basket) == Basket(new, new_note)
    assert {name: unpacked(stored)["Basket"][name] for name in unknown} == unknown
