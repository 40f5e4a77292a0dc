"""What cannot come back as it was is refused, at its exact place, in one line that shows no value."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import socket
import threading
import types
import uuid
from typing import Annotated, Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.codec import samples

from sojourn import transient
from sojourn.core import codec
from sojourn.errors import NotStorable

PATH = "session['cart']"


class Pair(NamedTuple):
    one: int


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Instant(dt.datetime):
    pass


class Own:
    pass


class Odd(dt.tzinfo):
    def utcoffset(self, when: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=1)

    def dst(self, when: dt.datetime | None) -> dt.timedelta | None:
        return None

    def tzname(self, when: dt.datetime | None) -> str:
        return "odd"


@dataclasses.dataclass
class Needy:
    name: str
    socket: Annotated[Any, transient]


@dataclasses.dataclass
class Once:
    name: str
    seed: dataclasses.InitVar[int]


class NeedyStruct(msgspec.Struct):
    name: str
    socket: Annotated[Any, transient]


def refused(value: object) -> NotStorable:
    with pytest.raises(NotStorable) as caught:
        codec.pack(value, PATH)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    return caught.value


def local() -> object:
    @dataclasses.dataclass
    class Local:
        x: int = 1

    return Local()


REFUSED = {
    "Counter": collections.Counter("aab"),
    "OrderedDict": collections.OrderedDict(a=1),
    "defaultdict": collections.defaultdict(list),
    "deque": collections.deque([1]),
    "namedtuple": Pair(1),
    "str subclass": Text("a"),
    "int subclass": Whole(1),
    "datetime subclass": Instant(2024, 1, 1),
    "dict subclass": type("Own", (dict,), {})(),
    "list subclass": type("Own", (list,), {})(),
    "bytearray": bytearray(b"a"),
    "memoryview": memoryview(b"a"),
    "array": array.array("i", [1]),
    "complex": 1j,
    "range": range(3),
    "generator": (n for n in ""),
    "iterator": iter(()),
    "lambda": lambda: None,
    "function": local,
    "module": types,
    "class": Own,
    "data class itself": samples.Item,
    "plain object": Own(),
    "bare object": object(),
    "exception": ValueError("secret"),
    "lock": threading.Lock(),
    "ellipsis": ...,
    "NotImplemented": NotImplemented,
    "dict view": {}.keys(),
    "mapping proxy": types.MappingProxyType({}),
    "namespace": types.SimpleNamespace(a=1),
    "defined in a function": local(),
    "surrogate": "\ud800",
    "foreign time zone": dt.datetime(2024, 1, 1, tzinfo=Odd()),
    "time in a foreign zone": dt.time(1, tzinfo=Odd()),
    "transient without default": Needy("a", 1),
    "transient without default, Struct": NeedyStruct("a", 1),
    "needed for init alone": Once("a", 1),
    "raw": msgspec.Raw(b"\x01"),
    "unset": msgspec.UNSET,
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_what_would_not_come_back_as_it_was_is_refused(value: object) -> None:
    assert refused(value).path == PATH


PLACES: dict[str, Any] = {
    "['items'][1]": lambda bad: {"items": [1, bad]},
    "[1]": lambda bad: {1: bad},
    "[True]": lambda bad: {True: bad},
    "[0][1][2]": lambda bad: ((0, (1, 2, bad)),),
    ".items[0].sku": lambda bad: samples.Cart([samples.Item(bad)]),
    "['a'].anything[…]": lambda bad: {"a": samples.Slotted({(1, 2): bad})},
    "[0].x.y": lambda bad: [samples.Point(samples.Point(1, bad))],
    ".name": samples.Account,
    ".first_name['b']": lambda bad: samples.Renamed({"b": bad}),
    "[1][0]": lambda bad: [1, [bad]],
    "[…]": lambda bad: {2**70: bad},
    "[0][1]": lambda bad: ((1, bad),),
    "['a'][1]['b'][2]": lambda bad: {"a": {1: {"b": {2: bad}}}},
}


@pytest.mark.parametrize("kind", ["generator", "Counter", "bytearray", "surrogate", "lambda", "foreign time zone"])
@pytest.mark.parametrize("step", PLACES.keys())
def test_the_path_leads_to_the_offending_place(step: str, kind: str) -> None:
    error = refused(PLACES[step](REFUSED[kind]))
    assert error.path == PATH + step
    assert str(error).startswith(f"{PATH}{step} cannot be stored: ")


@pytest.mark.parametrize(
    ("value", "step"),
    [
        ({Text("a"): 1}, ".keys()"),
        ({"\ud800": 1}, ".keys()"),
        ([{Pair(1): 1}], "[0].keys()"),
        ({(1, 1j): 1}, ".keys()[1]"),
        ({frozenset({Own}): 1}, ".keys(){…}"),
        ({1, Pair(1)}, "{…}"),
        ({(1, (2, 1j))}, "{…}[1][1]"),
        (frozenset({Whole(1)}), "{…}"),
        ({10**5000: [Own()]}, "[…][0]"),
    ],
)
def test_the_path_leads_into_keys_and_sets(value: object, step: str) -> None:
    assert refused(value).path == PATH + step


def test_an_open_socket_is_refused_by_its_type() -> None:
    with socket.socket() as one:
        error = refused([{"line": one}])
    assert error.path == f"{PATH}[0]['line']"
    assert "socket.socket" in str(error)


def test_the_reason_says_what_to_do() -> None:
    assert "store dict(…) of it" in str(refused(collections.Counter()))
    assert "define it in a module" in str(refused(local()))
    assert "zoneinfo.ZoneInfo" in str(refused(REFUSED["foreign time zone"]))
    assert "'socket'" in str(refused(Needy("a", 1)))
    assert "store bytes(…) of it" in str(refused(bytearray()))


@pytest.mark.parametrize("depth", [60, 70])
def test_lists_within_a_tuple_or_beside_other_keys_have_a_depth(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    for wrapped in ((value,), [value, {1: 2}], {1: 2, "a": value}, {"a": value, "b": {1: 2}}):
        if depth < 64:
            assert codec.unpack(codec.pack(wrapped, PATH)) == wrapped
        else:
            assert "too deeply" in str(refused(wrapped))


def circles() -> dict[str, Any]:
    own_list: list[Any] = []
    own_list.append(own_list)
    own_dict: dict[Any, Any] = {}
    own_dict["a"] = own_dict
    own_map: dict[Any, Any] = {}
    own_map[1] = own_map
    inner: list[Any] = []
    own_tuple = (inner,)
    inner.append(own_tuple)
    item = samples.Cart()
    item.items.append(item)
    node = samples.Account("a")
    node.name = [node]
    return {"list": own_list, "dict": own_dict, "map": own_map, "tuple": own_tuple, "dataclass": item, "Struct": node}


@pytest.mark.parametrize("kind", circles().keys())
def test_what_contains_itself_is_refused(kind: str) -> None:
    assert "contains itself" in str(refused(circles()[kind]))


WRAPS: dict[str, Any] = {
    "list": lambda inner: [inner],
    "dict": lambda inner: {"a": inner},
    "map": lambda inner: {1: inner},
    "tuple": lambda inner: (inner,),
    "frozenset": lambda inner: frozenset({inner}),
    "list in tuple": lambda inner: ([inner],),
    "dict in map": lambda inner: {1: {"a": [inner]}},
    "Struct": samples.Frozen,
    "dataclass": samples.Point,
}


@pytest.mark.parametrize("depth", [16, 31, 32, 33, 64, 65, 200, 500, 510, 1_020, 1_022, 1_023, 1_024, 1_025, 5_000])
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS.keys())
def test_what_is_not_too_deep_to_be_packed_can_be_unpacked(wrap: Any, depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    try:
        packed = codec.pack(value, PATH)
    except NotStorable:
        assert depth > 30
        assert "too deeply" in str(refused(value))
    else:
        assert codec.pack(codec.unpack(packed), PATH) == packed


SECRET = "s3cret-token"
LEAKS = [
    {"k": [SECRET, 1j]},
    (SECRET, Text(SECRET)),
    Text(SECRET),
    ValueError(SECRET),
    samples.Item(SECRET, collections.Counter({SECRET: 1})),  # type: ignore[arg-type]
    {SECRET.encode(), Pair(1)},
    samples.Slotted({(SECRET,): Own}),
    SECRET + "\ud800",
    Needy(SECRET, SECRET),
]


@pytest.mark.parametrize("value", LEAKS, ids=range(len(LEAKS)))
def test_no_refusal_shows_a_value(value: object) -> None:
    assert SECRET not in str(refused(value))


@given(samples.values, st.sampled_from(["list", "dict", "map", "tuple", "Struct", "dataclass"]))
def test_whatever_stands_around_it_the_bad_part_is_found(value: Any, wrap: str) -> None:
    error = refused([value, WRAPS[wrap](1j)])
    assert error.path.startswith(f"{PATH}[1]")
    assert len(error.path) > len(PATH) + 3


@pytest.mark.parametrize(
    "value", [1, "a", uuid.UUID(int=1), decimal.Decimal(1), [1], {"a": {1}}, samples.Item("a"), samples.Rank.LOW]
)
def test_a_field_of_a_view_is_packed_without_the_name_of_its_class(value: object) -> None:
    packed = codec.pack_field(value, PATH)
    assert b"samples" not in packed
    codec.unpack(packed)


def test_a_field_of_a_view_is_refused_at_its_place_too() -> None:
    with pytest.raises(NotStorable) as caught:
        codec.pack_field([samples.Item("a"), {"b": 1j}], f"{PATH}.items")
    assert caught.value.path == f"{PATH}.items[1]['b']"


@dataclasses.dataclass
class Unset:
    """A field of it is set later, perhaps."""

    number: int = dataclasses.field(init=False)


@pytest.mark.parametrize("value", [Unset(), [Unset()], {"a": Unset()}, (Unset(),)])
def test_an_object_that_lacks_a_field_is_refused_as_what_cannot_be_stored(value: object) -> None:
    with pytest.raises(NotStorable):
        codec.pack(value, "session['value']")
