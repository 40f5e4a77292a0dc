"""Two requests change one session: mine where I changed it, theirs where I did not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.records import packed, unpacked

from sojourn.core import codec
from sojourn.core.codec import Attributes, Packed
from sojourn.core.merge import Changes, FieldChanges, contradictions, merge, refuse_contradictions
from sojourn.errors import Contradiction

names = st.sampled_from("abcde")
parts = st.sampled_from([codec.pack(value, "") for value in (1, 2, "x", [1], None)])
field_maps = st.dictionaries(st.sampled_from("fgh"), parts, max_size=3)
views = field_maps.map(codec.write)
attributes = st.dictionaries(names, st.one_of(parts, views), max_size=5)
field_changes = st.dictionaries(st.sampled_from("fgh"), st.one_of(st.none(), parts), max_size=3).map(FieldChanges)
changes_of_attributes = st.dictionaries(names, st.one_of(st.none(), parts, field_changes), max_size=5)


def plain(some: Attributes) -> dict[str, bytes]:
    """Attributes as bytes; of a view, the order of the fields means nothing."""
    found = {}
    for name, part in some.items():
        try:
            fields = codec.read(bytes(part))
        except codec.Undecodable:
            found[name] = bytes(part)
        else:
            found[name] = codec.write({key: fields[key] for key in sorted(fields)})
    return found


def difference(before: Attributes, after: Attributes) -> dict[str, Packed | FieldChanges | None]:
    """The changes that make the one of the other."""
    changes: dict[str, Packed | FieldChanges | None] = {name: None for name in before if name not in after}
    changes.update({name: part for name, part in after.items() if before.get(name) != part})
    return changes


@given(attributes)
def test_no_changes_change_nothing(stored: Attributes) -> None:
    assert merge(stored, {}) == dict(stored)
    assert contradictions(stored, stored, {}) == set()


@given(attributes, attributes)
def test_over_what_was_found_it_makes_what_the_request_left(found: Attributes, left: Attributes) -> None:
    assert merge(found, difference(found, left)) == left


@given(attributes, attributes, attributes)
def test_mine_wins_where_i_changed_it_and_theirs_stays_where_i_did_not(
    found: Attributes, mine: Attributes, theirs: Attributes
) -> None:
    changes = difference(found, mine)
    merged = merge(theirs, changes)
    for name in "abcde":
        assert merged.get(name) == (mine if name in changes else theirs).get(name)


@given(attributes, changes_of_attributes)
def test_merging_twice_is_merging_once(stored: Attributes, changes: Changes) -> None:
    once = merge(stored, changes)
    assert merge(once, changes) == once


@given(attributes, changes_of_attributes)
def test_what_is_merged_is_left_as_it_was(stored: Attributes, changes: Changes) -> None:
    before, asked = dict(stored), dict(changes)
    merge(stored, changes)
    assert (dict(stored), dict(changes)) == (before, asked)


@given(attributes, changes_of_attributes, changes_of_attributes)
def test_changes_of_different_attributes_can_be_made_in_any_order(
    stored: Attributes, mine: Changes, theirs: Changes
) -> None:
    theirs = {name: change for name, change in theirs.items() if name not in mine}
    assert merge(merge(stored, mine), theirs) == merge(merge(stored, theirs), mine)


@given(attributes, field_changes, field_changes)
def test_changes_of_different_fields_can_be_made_in_any_order(
    stored: Attributes, mine: FieldChanges, theirs: FieldChanges
) -> None:
    theirs = FieldChanges({name: field for name, field in theirs.fields.items() if name not in mine.fields})
    one, other = {"a": mine}, {"a": theirs}
    assert plain(merge(merge(stored, one), other)) == plain(merge(merge(stored, other), one))


@given(field_maps, field_changes)
def test_a_field_that_was_not_changed_stays_as_it_is(fields: Attributes, change: FieldChanges) -> None:
    merged = codec.read(bytes(merge({"a": codec.write(fields)}, {"a": change})["a"]))
    for name in "fgh":
        expected = change.fields[name] if name in change.fields else fields.get(name)
        found = merged.get(name)
        assert (None if found is None else bytes(found)) == expected


def test_fields_that_a_class_does_not_know_stay() -> None:
    stored = packed(cart={"items": [1], "added_by_a_newer_version": {"x": {1, 2}}})
    merged = merge(stored, {"cart": FieldChanges({"items": codec.pack([1, 2], "")})})
    assert unpacked(merged) == {"cart": {"items": [1, 2], "added_by_a_newer_version": {"x": {1, 2}}}}


def test_fields_of_an_attribute_that_is_gone_make_it_anew() -> None:
    assert unpacked(merge({}, {"cart": FieldChanges(packed(n=1))})) == {"cart": {"n": 1}}


@pytest.mark.parametrize("other", [1, "text", [1], (1,), {1: 2}, None])
def test_fields_over_something_that_has_none_take_its_place(other: Any) -> None:
    assert unpacked(merge(packed(cart=other), {"cart": FieldChanges(packed(n=1))})) == {"cart": {"n": 1}}


@given(attributes, attributes, attributes)
def test_a_contradiction_is_where_all_three_differ(found: Attributes, stored: Attributes, mine: Attributes) -> None:
    changes = difference(found, mine)
    expected = {
        name for name in "abcde" if len({found.get(name), stored.get(name), mine.get(name)}) == 3 and name in changes
    }
    assert contradictions(found, stored, changes) == expected


@given(attributes, attributes)
def test_the_same_change_by_both_is_no_contradiction(found: Attributes, left: Attributes) -> None:
    assert contradictions(found, left, difference(found, left)) == set()


@given(attributes, attributes)
def test_a_change_that_nobody_else_made_is_no_contradiction(found: Attributes, mine: Attributes) -> None:
    assert contradictions(found, found, difference(found, mine)) == set()


def test_one_deletes_what_the_other_changes() -> None:
    found, stored = packed(a=1), packed(a=2)
    assert contradictions(found, stored, {"a": None}) == {"a"}
    assert contradictions(found, {}, packed(a=2)) == {"a"}
    assert contradictions(found, {}, {"a": None}) == set()


def test_a_contradiction_names_the_attributes_and_shows_no_value() -> None:
    found, stored = packed(b="old", a="old", c=0), packed(b="s3cret", a="s3cret", c=0)
    with pytest.raises(Contradiction) as caught:
        refuse_contradictions(found, stored, packed(b="mine", a="mine", c=1))
    assert caught.value.names == ("a", "b")
    assert caught.value.status_hint == 409
    assert "'a', 'b'" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_without_a_contradiction_nothing_is_refused() -> None:
    refuse_contradictions(packed(a=1), packed(a=1, b=2), packed(a=3))
