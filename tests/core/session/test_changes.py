"""Change is a difference of bytes: nested ones are found, undone ones are none, and others' changes are not ours."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

import pytest
from tests.core.codec import samples
from tests.core.records import holding, packed, record, unpacked

from sojourn.core import codec
from sojourn.core.codec import Packed, packing
from sojourn.core.merge import FieldChanges, merge
from sojourn.core.session import Session
from sojourn.errors import NotStorable


def left(session: Session, **stored: Any) -> dict[str, Any]:
    return unpacked(merge(packed(**stored), session.changes()))


def test_a_change_deep_inside_is_found() -> None:
    stored = {"cart": {"items": [{"sku": "a", "tags": {1}}]}, "other": [1]}
    session = Session(holding(**stored), 0.0)
    session["cart"]["items"][0]["tags"].add(2)
    assert session.changes().keys() == {"cart"}
    assert left(session, **stored) == {"cart": {"items": [{"sku": "a", "tags": {1, 2}}]}, "other": [1]}


def test_a_change_inside_an_object_is_found() -> None:
    session = Session(holding(item=samples.Item("a")), 0.0)
    session["item"].number = 5
    assert left(session, item=samples.Item("a")) == {"item": samples.Item("a", 5)}


def test_a_change_that_is_undone_is_none() -> None:
    session = Session(holding(a=[1], b=1, c={"x": {1, 2}}), 0.0)
    session["a"].append(2)
    session["b"] = 2
    session["c"]["x"].discard(1)
    assert session.changes().keys() == {"a", "b", "c"}
    session["a"].pop()
    session["b"] = 1
    session["c"]["x"].add(1)
    assert session.changes() == {}


def test_deleting_what_is_set_again_as_it_was_is_no_change() -> None:
    session = Session(holding(a=[1]), 0.0)
    del session["a"]
    assert session.changes() == {"a": None}
    session["a"] = [1]
    assert session.changes() == {}
    session["new"] = 1
    del session["new"]
    assert session.changes() == {}


def test_reading_is_no_change() -> None:
    stored = {"a": [1], "b": {"c": (1, 2)}, "d": {1, 2}, "e": samples.Cart(), "f": samples.Person(name="x")}
    session = Session(holding(**stored), 0.0)
    assert dict(session) == stored
    assert session.changes() == {}


def test_what_was_written_by_an_older_codec_is_no_change() -> None:
    session = Session(record(data=b"\x81\xa1a\xdc\x00\x01\xd9\x01x"), 0.0)  # longer headers than ours
    assert session["a"] == ["x"]
    assert session.changes() == {}
    session["a"].append("y")
    assert left(session) == {"a": ["x", "y"]}


IMMUTABLE = [
    "text",
    1,
    2**70,
    1.5,
    True,
    None,
    b"bytes",
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.date(2024, 1, 1),
    dt.time(1),
    dt.timedelta(1),
    decimal.Decimal(1),
    uuid.UUID(int=1),
]


@pytest.mark.parametrize("value", IMMUTABLE, ids=lambda value: type(value).__name__)
def test_what_cannot_change_in_place_is_not_packed_again(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(holding(a=value, b=[1], c=[2]), 0.0)
    packed_paths: list[str] = []
    pack_change = codec.pack_change

    def count(value: object, found: codec.Packed | None, path: str) -> bytes | None:
        packed_paths.append(path)
        return pack_change(value, found, path)

    monkeypatch.setattr(codec, "pack_change", count)
    assert (session["a"], session["b"]) == (value, [1])
    assert session.changes() == {}
    assert packed_paths == ["session['b']"]


def test_what_was_not_asked_for_is_not_even_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(holding(a=[1], b=[2]), 0.0)
    unpacked_ones: list[Packed] = []
    unpack = codec.unpack

    def count(part: Packed) -> Any:
        unpacked_ones.append(part)
        return unpack(part)

    monkeypatch.setattr(codec, "unpack", count)
    monkeypatch.setattr(packing, "unpack", count)
    session["a"].append(2)
    session["c"] = 3
    session.changes()
    assert len(unpacked_ones) == 2  # once to hand it out, once to compare


def test_what_cannot_be_stored_is_named_with_its_place() -> None:
    session = Session(holding(cart={"items": []}), 0.0)
    session["cart"]["items"] += [1, {"x": object()}]
    with pytest.raises(NotStorable) as caught:
        session.changes()
    assert caught.value.path == "session['cart']['items'][1]['x']"


def test_the_object_that_was_put_in_can_still_be_changed() -> None:
    session = Session(None, 0.0)
    items: list[int] = []
    session["items"] = items
    items.append(1)
    assert left(session) == {"items": [1]}


# --- after a commit --------------------------------------------------------------------------------------------------


def commit(session: Session, *, others: dict[str, Packed] | None = None, **stored: Any) -> dict[str, Packed]:
    """Merge into what others stored meanwhile, as the store's side does."""
    changes = session.changes()
    attributes = merge({**packed(**stored), **(others or {})}, changes)
    session.committed(record(version=7, data=codec.write(attributes)), attributes, changes)
    return attributes


def test_what_is_committed_is_no_change_any_more() -> None:
    session = Session(holding(a=[1], b=1), 0.0)
    session["a"].append(2)
    session["c"] = {1}
    del session["b"]
    commit(session, a=[1], b=1)
    assert session.changes() == {}
    assert session.version == 7
    session["c"].add(2)
    assert session.changes().keys() == {"c"}


def test_what_is_committed_is_told_at_a_short_look_to_be_no_change() -> None:
    session = Session(holding(a=[1], b=1), 0.0)
    session["a"].append(2)
    session["b"] = 2
    session["c"] = {"x": [1]}
    assert not session.pristine
    commit(session, a=[1], b=1)
    assert session.pristine
    session["c"]["x"].append(2)
    assert not session.pristine
    assert session.changes().keys() == {"c"}


def test_what_is_assigned_while_a_commit_waits_is_told_to_be_a_change() -> None:
    session = Session(None, 0.0)
    session["b"] = 1
    changes = session.changes()
    attributes = merge({}, changes)
    session["b"] = 2
    session.committed(record(version=1, data=codec.write(attributes)), attributes, changes)
    assert not session.pristine
    assert unpacked(merge(attributes, session.changes())) == {"b": 2}


def test_what_others_changed_is_seen_where_nothing_was_read() -> None:
    session = Session(holding(a=1, b=1), 0.0)
    session["a"] = 2
    commit(session, others=packed(b=5, c=6), a=1, b=1)
    assert (session["b"], session["c"]) == (5, 6)
    assert session.changes() == {}


def test_what_was_read_and_not_changed_is_not_written_back() -> None:
    session = Session(holding(a=1, b=[1]), 0.0)
    assert session["b"] == [1]
    session["a"] = 2
    commit(session, others=packed(b=[1, "theirs"]), a=1, b=[1])
    assert session["b"] == [1]
    assert session.changes() == {}
    session["a"] = 3
    assert unpacked(commit(session, others=packed(b=[1, "theirs"]), a=2)) == {"a": 3, "b": [1, "theirs"]}


def test_what_others_deleted_is_not_brought_back() -> None:
    session = Session(holding(a=1, b=[1]), 0.0)
    assert session["b"] == [1]
    session["a"] = 2
    changes = session.changes()
    attributes = merge(packed(a=1), changes)
    session.committed(record(version=2, data=codec.write(attributes)), attributes, changes)
    assert session.changes() == {}


def test_what_was_deleted_here_and_made_anew_by_others_is_theirs() -> None:
    session = Session(holding(a=1, b=1), 0.0)
    del session["a"]
    commit(session, a=1, b=1)
    session["b"] = 2
    commit(session, others=packed(a="theirs"), b=1)
    assert session.changes() == {}
    assert session["a"] == "theirs"


def test_what_is_done_while_a_commit_waits_is_still_to_be_committed() -> None:
    session = Session(holding(a=[1], b=1, c=1), 0.0)
    session["a"].append(2)
    session["b"] = 2
    del session["c"]
    session["d"] = 1
    changes = session.changes()
    attributes = merge(packed(a=[1], b=1, c=1), changes)
    session["a"].append(3)
    session["b"] = 3
    session["c"] = 3
    del session["d"]
    session.committed(record(version=2, data=codec.write(attributes)), attributes, changes)
    assert unpacked(merge(attributes, session.changes())) == {"a": [1, 2, 3], "b": 3, "c": 3}


def test_a_commit_that_wrote_no_attributes_leaves_them_as_they_were() -> None:
    session = Session(holding(a=[1]), 0.0)
    session["a"].append(2)
    session.committed(record(version=2), None, {})
    assert session.version == 2
    assert session.changes().keys() == {"a"}


def test_fields_of_a_view_are_committed_field_by_field() -> None:
    session = Session(holding(Cart={"items": [1], "total": 0, "unknown": 1}), 0.0)
    cart = session.view(samples.Cart)
    cart.items.append(2)
    changes = session.changes()
    assert isinstance(changes["Cart"], FieldChanges)
    assert changes["Cart"].fields.keys() == {"items"}
    attributes = merge(packed(Cart={"items": [1], "total": 9, "unknown": 2}), changes)
    session.committed(record(version=2, data=codec.write(attributes)), attributes, changes)
    assert session.changes() == {}
    assert unpacked(attributes) == {"Cart": {"items": [1, 2], "total": 9, "unknown": 2}}
    cart.items.append(3)
    assert unpacked(merge(attributes, session.changes()))["Cart"] == {"items": [1, 2, 3], "total": 9, "unknown": 2}
