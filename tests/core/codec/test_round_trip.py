"""Every value comes back equal and with the type that it had, from the same bytes in every process."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import os
import subprocess
import sys
import uuid
import zoneinfo
from typing import Any

import msgspec
import pytest
from django.utils.safestring import SafeString
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from tests.core.codec import samples
from tests.core.codec.samples import shape

from sojourn.core import codec
from sojourn.errors import NotStorable

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def round_trip(value: Any) -> Any:
    packed = codec.pack(value, "session['x']")
    found = codec.unpack(packed)
    assert codec.pack(found, "session['x']") == packed
    return found


@settings(max_examples=400)
@given(samples.values)
def test_every_value_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    assert shape(round_trip(value)) == shape(value)


@settings(max_examples=200)
@given(st.dictionaries(samples.hashables, samples.values, max_size=4))
def test_a_dict_may_have_any_keys_that_can_be_stored(value: dict[Any, Any]) -> None:
    assert shape(round_trip(value)) == shape(value)


@pytest.mark.parametrize("text", [Markup("<b>&amp;</b>"), SafeString("<i>é</i>"), Markup("")])
def test_text_that_is_safe_as_html_stays_so(text: str) -> None:
    found = round_trip({"messages": [("error", text)]})["messages"][0][1]
    assert (type(found), str(found)) == (type(text), str(text))


@pytest.mark.parametrize("exponent", [63, 64, 65, 1_000, 14_285, 100_000])
def test_an_int_may_have_any_size(exponent: int) -> None:
    # 14,285 bits are 4,300 digits: more than CPython converts to text
    for near in (-1, 0, 1):
        for value in (2**exponent + near, -(2**exponent) + near):
            assert round_trip(value) == value


SPECIAL = {
    "minus zero": -0.0,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "nan": math.nan,
    "decimal nan": decimal.Decimal("NaN"),
    "signalling nan": decimal.Decimal("sNaN123"),
    "decimal infinity": decimal.Decimal("-Infinity"),
    "decimal zeros": decimal.Decimal("-0.000"),
    "large exponent": decimal.Decimal("1E+999999999999999999"),
    "nul in text": "\0",
    "all planes": "aé€\U0010ffff\u2028",
    "first instant": dt.datetime.min,  # noqa: DTZ901 - naive ones can be stored
    "last instant": dt.datetime.max,  # noqa: DTZ901
    "local mean time": dt.datetime(1800, 1, 1, tzinfo=BERLIN),
    "once in autumn": dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
    "again in autumn": dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
    "skipped in spring": dt.datetime(2024, 3, 31, 2, 30, tzinfo=BERLIN),
    "skipped in spring, folded": dt.datetime(2024, 3, 31, 2, 30, tzinfo=BERLIN, fold=1),
    "naive and folded": dt.datetime(2024, 10, 27, 2, 30, fold=1),  # noqa: DTZ001
    "zone by name": dt.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
    "utc": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    "odd offset": dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, seconds=7, microseconds=3))),
    "time in a zone": dt.time(2, 30, tzinfo=BERLIN),
    "time folded": dt.time(2, 30, fold=1),
    "longest delta": dt.timedelta.max,
    "shortest delta": dt.timedelta.min,
    "null uuid": uuid.UUID(int=0),
    "empty ones": [[], {}, (), set(), frozenset(), "", b""],
    "mixed keys": {1: "a", "1": "b", None: "c", (1, "2"): "d", b"1": "e", 1.5: "f", frozenset({1}): "g"},
    "keys below lists": [{"a": [{1: {2: [{3: ()}]}}]}],
}


@pytest.mark.parametrize("value", SPECIAL.values(), ids=SPECIAL.keys())
def test_special_values_come_back(value: Any) -> None:
    assert shape(round_trip(value)) == shape(value)


@pytest.mark.parametrize("value", samples.ENUMS, ids=str)
def test_a_member_of_an_enum_comes_back_as_that_member(value: Any) -> None:
    assert round_trip(value) is value


@pytest.mark.parametrize("depth", [1, 16, 31])
def test_sets_and_tuples_may_be_nested(depth: int) -> None:
    value: Any = ()
    for _ in range(depth):
        value = (frozenset({value}),)[0] if depth % 2 else (value,)
    assert round_trip(value) == value


def test_an_object_knows_what_its_class_computes() -> None:
    late, cart = samples.Late(1), samples.Cart([samples.Item("a")])
    object.__setattr__(late, "found", "elsewhere")
    cart.total = 5
    assert (round_trip(late).found, round_trip(cart).total) == ("elsewhere", 5)


def test_a_model_comes_back_whole() -> None:
    person = samples.Person(name="A", born=dt.date(2000, 1, 1), friends=[samples.Person(name="B")])
    assert round_trip(person) == person


def test_a_model_with_an_alias_comes_back() -> None:
    value = samples.Aliased(theSize=3)
    assert round_trip(value) == value


def test_a_model_keeps_the_fields_that_it_allows_beside_its_own() -> None:
    value = samples.Open.model_validate({"x": 1, "other": [2]})
    assert round_trip(value) == value


@pytest.mark.parametrize("kind", [samples.Connected, samples.Wired, samples.Online])
def test_a_transient_field_is_not_stored(kind: Any) -> None:
    value = kind(name="a", socket=object())  # which cannot be stored
    found = round_trip(value)
    assert (found.name, found.socket, b"socket" in codec.pack(value, "")) == ("a", None, False)


def test_fields_that_the_class_has_no_more_are_left_out() -> None:
    old = codec.pack(samples.Item("a", 3), "").replace(b"number", b"amount")
    assert codec.unpack(old) == samples.Item("a", 1)


PACKER = """
import sys
from sojourn.core import codec
names = ["a", "b", "c", "longer", "ä", "0", "zz"]
value = [set(names), frozenset(names), {frozenset(names): {1, 2, 3, "x"}}, {(name, None) for name in names}]
sys.stdout.write(codec.pack(value, "").hex())
"""


def test_the_bytes_are_the_same_whatever_the_hash_seed() -> None:
    packed = {
        subprocess.run(
            [sys.executable, "-c", PACKER],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(packed) == 1
    assert len(packed.pop()) > 100


@given(st.dictionaries(samples.texts, samples.values, max_size=5))
def test_the_data_of_a_record_holds_each_attribute_as_it_is(attributes: dict[str, Any]) -> None:
    packed = {name: codec.pack(value, name) for name, value in attributes.items()}
    data = codec.write(packed)
    found = codec.read(data)
    assert {name: bytes(part) for name, part in found.items()} == packed
    assert codec.write(found) == data


@pytest.mark.parametrize("number", [0, 15, 16, 65_535, 65_536])
def test_a_record_may_hold_any_number_of_attributes(number: int) -> None:
    assert len(codec.read(codec.write({str(n): b"\x01" for n in range(number)}))) == number


@given(samples.values, samples.values)
def test_packed_values_are_the_same_when_their_values_are(one: Any, other: Any) -> None:
    first, second = codec.pack(one, ""), codec.pack(other, "")
    assert codec.same(first, msgspec.Raw(first))
    assert codec.same(first, second) == (first == second)


def test_what_an_older_codec_wrote_is_no_change() -> None:
    older = b"\xd9\x01a"  # a str with a longer header than ours
    assert codec.same(codec.pack("a", ""), older)
    assert not codec.same(codec.pack("b", ""), older)
    assert not codec.same(codec.pack("b", ""), b"\xc1")


def test_what_has_not_changed_is_told_without_packing_it_for_storage() -> None:
    assert codec.pack_change({"a": [1, b"\xc4"]}, codec.pack({"a": [1, b"\xc4"]}, ""), "") is None
    assert codec.pack_change((1, {2}), codec.pack((1, {2}), ""), "") is None
    assert codec.pack_change([1, 2], codec.pack([1], ""), "") == codec.pack([1, 2], "")
    assert codec.pack_change([1], None, "") == codec.pack([1], "")
    with pytest.raises(NotStorable):
        codec.pack_change([object()], codec.pack([1], ""), "")
