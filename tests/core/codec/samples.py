"""Classes of an application that stores them, and values of every type that can be stored."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import struct
import zoneinfo
from typing import Annotated, Any, ClassVar

import msgspec
import pydantic
from hypothesis import strategies as st

from sojourn import transient


class Colour(enum.Enum):
    RED = "red"
    MIX = (1, 2)
    NOTHING = None


class Rank(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    YES = "yes"
    NO = "no"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Mode(enum.IntFlag):
    A = 1
    B = 4


class Shop:
    class Kind(enum.Enum):
        FOOD = "food"

    @dataclasses.dataclass
    class Address:
        town: str = ""


@dataclasses.dataclass
class Item:
    sku: str
    number: int = 1


@dataclasses.dataclass(frozen=True)
class Point:
    x: Any
    y: Any = 0


@dataclasses.dataclass(slots=True)
class Slotted:
    anything: Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    anything: Any = None


@dataclasses.dataclass
class Cart:
    limit: ClassVar[int] = 9
    items: list[Any] = dataclasses.field(default_factory=list)
    total: Any = dataclasses.field(init=False, default=0)


@dataclasses.dataclass(frozen=True)
class Late:
    given: int
    found: Any = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "found", "by __post_init__")


@dataclasses.dataclass
class Connected:
    name: str
    socket: Annotated[Any, transient] = None


class Account(msgspec.Struct):
    name: Any
    tags: set[str] = msgspec.field(default_factory=set)


class Frozen(msgspec.Struct, frozen=True):
    x: Any


class Renamed(msgspec.Struct, rename="camel"):
    first_name: Any
    last_name: str | msgspec.UnsetType = msgspec.UNSET


class Tagged(msgspec.Struct, tag="t", tag_field="kind", kw_only=True):
    x: Any


class Listed(msgspec.Struct, array_like=True):
    x: Any
    y: int = 2


class Wired(msgspec.Struct):
    name: str
    socket: Annotated[Any, transient] = None


class Person(pydantic.BaseModel):
    name: str
    born: dt.date | None = None
    friends: list[Person] = pydantic.Field(default_factory=list)


class Aliased(pydantic.BaseModel):
    size: int = pydantic.Field(alias="theSize")


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    x: int = 1


class Online(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    name: str
    socket: Annotated[Any, transient] = None


ENUMS = [*Colour, *Rank, *Word, Right.READ, Right.READ | Right.WRITE, Right(0), Mode.A | Mode.B, Shop.Kind.FOOD]

# --- strategies ------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]))
integers = st.one_of(
    st.integers(), st.integers(min_value=-(2**64) - 2, max_value=2**64 + 2), st.integers(-(2**99), 2**99)
)
zones = st.one_of(
    st.none(),
    st.just(dt.UTC),
    st.timezones(no_cache=True),
    st.sampled_from([*map(zoneinfo.ZoneInfo, ("UTC", "Europe/Berlin"))]),
)
# CPython reads an offset of less than a second as UTC (datetime.fromisoformat); none such exists.
offsets = (
    st.timedeltas(dt.timedelta(hours=-23, minutes=-59), dt.timedelta(hours=23, minutes=59))
    .filter(lambda offset: not dt.timedelta() < abs(offset) < dt.timedelta(seconds=1))
    .map(dt.timezone)
)
datetimes = st.builds(
    lambda value, fold: value.replace(fold=fold), st.datetimes(timezones=st.one_of(zones, offsets)), st.integers(0, 1)
)
times = st.builds(
    lambda value, fold: value.replace(fold=fold), st.times(timezones=st.one_of(zones, offsets)), st.integers(0, 1)
)


def leaves(*, hashable: bool) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.none(),
        st.booleans(),
        integers,
        st.floats(),
        texts,
        st.binary(),
        datetimes,
        times,
        st.dates(),
        st.timedeltas(),
        st.decimals(allow_nan=not hashable),  # a signalling NaN has no hash
        st.uuids(),
        st.sampled_from(ENUMS),
    )


hashables = st.recursive(
    leaves(hashable=True),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.builds(Point, inner, inner),
        st.builds(Frozen, inner),
        st.builds(Sealed, anything=inner),
    ),
    max_leaves=4,
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(texts, inner, max_size=3),
        st.dictionaries(hashables, inner, max_size=3),
        st.sets(hashables, max_size=3),
        st.frozensets(hashables, max_size=3),
        st.builds(Item, texts, integers),
        st.builds(Point, inner, inner),
        st.builds(Slotted, inner),
        st.builds(Sealed, anything=inner),
        st.builds(Cart, st.lists(inner, max_size=2)),
        st.builds(Account, inner, st.sets(texts, max_size=2)),
        st.builds(Frozen, inner),
        st.builds(Renamed, inner, st.one_of(texts, st.just(msgspec.UNSET))),
        st.builds(Tagged, x=inner),
        st.builds(Listed, inner),
        st.builds(Person, name=texts, born=st.dates()),
        st.builds(Shop.Address, texts),
    )


values = st.recursive(leaves(hashable=False), containers, max_leaves=8)


def shape(value: Any) -> Any:
    """What two values share exactly when they are equal and of the same types, NaN, fold and zones included."""
    kind = type(value)
    if kind is float:
        return kind, struct.pack(">d", value)
    if kind is decimal.Decimal:
        return kind, value.as_tuple()
    if kind in (dt.datetime, dt.time):
        zone = value.tzinfo
        return kind, value.isoformat(), value.fold, type(zone), getattr(zone, "key", None)
    return kind, parts(value)


def parts(value: Any) -> Any:
    kind = type(value)
    if kind in (list, tuple):
        return [shape(part) for part in value]
    if kind in (set, frozenset):
        return sorted(repr(shape(part)) for part in value)
    if kind is dict:
        return [(shape(key), shape(part)) for key, part in value.items()]
    if isinstance(value, pydantic.BaseModel):
        return shape(dict(value))
    if isinstance(value, msgspec.Struct):
        return shape(msgspec.structs.asdict(value))
    if dataclasses.is_dataclass(value):
        return [(field.name, shape(getattr(value, field.name))) for field in dataclasses.fields(value)]
    return value
