"""Extensions: how the types that MessagePack lacks are packed, and what of a class is stored.

A code, once released, keeps its meaning for ever: a new form gets a new code.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import sys
import typing
import uuid
import zoneinfo
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

__all__ = [
    "CONTAINERS",
    "LEAVES",
    "OPENERS",
    "Code",
    "deeper_than",
    "fields_of",
    "named_parts",
    "parts",
    "plain_fields",
    "refusal",
    "transient",
]


class Code(enum.IntEnum):
    """The extension codes."""

    BIG_INT = 1  # decimal digits
    DECIMAL = 2  # its text
    UUID = 3  # 16 bytes
    DATETIME = 4  # ISO 8601, with the name of the zone behind it as in RFC 9557
    DATE = 5
    TIME = 6
    TIMEDELTA = 7  # days, seconds, microseconds
    TUPLE = 16  # a list, as all from here
    SET = 17
    FROZENSET = 18
    MAP = 19  # key, value, key, value …
    ENUM = 20  # class, value
    FIELDS = 21  # class, then a dict: a dataclass, Struct or pydantic model


# --- leaves ----------------------------------------------------------------------------------------------------------


def _zoned(value: dt.datetime | dt.time) -> bytes:
    name = value.tzinfo.key if isinstance(value.tzinfo, zoneinfo.ZoneInfo) else None
    return (f"{value.isoformat()}[{name}]" if name else value.isoformat()).encode()


def _parse_datetime(payload: bytes) -> dt.datetime:
    text, _, name = payload.decode("ascii").partition("[")
    value = dt.datetime.fromisoformat(text)
    if not name:
        return value
    local = value.replace(tzinfo=zoneinfo.ZoneInfo(name.removesuffix("]")))
    # The hour that comes twice in autumn: the stored offset tells which of the two.
    return local if local.utcoffset() == value.utcoffset() else local.replace(fold=1)


def _parse_time(payload: bytes) -> dt.time:
    text, _, name = payload.decode("ascii").partition("[")
    value = dt.time.fromisoformat(text)
    return value.replace(tzinfo=zoneinfo.ZoneInfo(name.removesuffix("]"))) if name else value


def _parse_int(payload: bytes) -> int:
    if len(payload) > 4300:  # CPython's own bound on a conversion that is quadratic
        raise ValueError("an int of more than 4,300 digits")
    return int(payload)


def _parse_timedelta(payload: bytes) -> dt.timedelta:
    days, seconds, microseconds = map(int, payload.split(b","))
    return dt.timedelta(days, seconds, microseconds)


LEAVES: dict[type, Callable[[Any], tuple[int, bytes]]] = {
    int: lambda value: (Code.BIG_INT, str(value).encode()),
    decimal.Decimal: lambda value: (Code.DECIMAL, str(value).encode()),
    uuid.UUID: lambda value: (Code.UUID, value.bytes),
    dt.datetime: lambda value: (Code.DATETIME, _zoned(value)),
    dt.date: lambda value: (Code.DATE, value.isoformat().encode()),
    dt.time: lambda value: (Code.TIME, _zoned(value)),
    dt.timedelta: lambda value: (Code.TIMEDELTA, b"%d,%d,%d" % (value.days, value.seconds, value.microseconds)),
}

OPENERS: dict[int, Callable[[bytes], Any]] = {
    Code.BIG_INT: _parse_int,
    Code.DECIMAL: lambda payload: decimal.Decimal(payload.decode("ascii")),
    Code.UUID: lambda payload: uuid.UUID(bytes=payload),
    Code.DATETIME: _parse_datetime,
    Code.DATE: lambda payload: dt.date.fromisoformat(payload.decode("ascii")),
    Code.TIME: _parse_time,
    Code.TIMEDELTA: _parse_timedelta,
}


# --- classes ---------------------------------------------------------------------------------------------------------

transient = type("transient", (), {"__doc__": "Marks a field that is not stored: `socket: Annotated[Any, transient]`."})


def named_parts(value: object) -> tuple[int, list[Any]]:
    """The extension code and parts of an Enum member, dataclass, Struct or pydantic model. Raises TypeError."""
    kind = type(value)
    if "<locals>" in kind.__qualname__ or kind.__module__ == "builtins":
        raise TypeError(refusal(value))
    name = f"{kind.__module__}:{kind.__qualname__}"
    if isinstance(value, enum.Enum):
        return Code.ENUM, [name, value.value]
    return Code.FIELDS, [name, plain_fields(value)]


def plain_fields(value: object) -> Any:
    """The stored fields of a dataclass, Struct or pydantic model by name; the value of an Enum. Raises TypeError."""
    if isinstance(value, enum.Enum):
        return value.value
    kind: Any = type(value)
    try:
        fields = fields_of(kind)
    except TypeError:
        raise TypeError(refusal(value)) from None
    return {key: part for key, name in fields if (part := getattr(value, name)) is not msgspec.UNSET}


@lru_cache(maxsize=1024)
def fields_of(kind: type) -> tuple[tuple[str, str], ...]:
    """The stored fields of a class: (name when stored, name of the attribute). Raises TypeError."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        pairs = [(field.encode_name, field.name) for field in msgspec.structs.fields(kind)]
    elif dataclasses.is_dataclass(kind):
        pairs = [(field.name, field.name) for field in dataclasses.fields(kind)]
    elif _is_model(kind):
        pairs = [(name, name) for name in kind.model_fields]  # type: ignore[attr-defined]
    else:
        raise TypeError(f"{kind.__qualname__} has no fields that can be stored")
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(pair for pair in pairs if transient not in getattr(hints.get(pair[1]), "__metadata__", ()))


def _is_model(kind: type) -> bool:
    pydantic = sys.modules.get("pydantic")  # a model cannot exist without it; we do not import it
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def _resolve(name: str) -> type:
    """The class of that name, in a module that the application has imported.

    Nothing is imported for a name, and only classes that hold data are accepted: a stored name runs no code but the
    constructor of a class that the application uses for its own data.
    """
    module, _, qualified = name.partition(":")
    found: Any = sys.modules.get(module)
    for step in qualified.split("."):
        found = getattr(found, step, None)
    if not isinstance(found, type):
        raise LookupError(  # noqa: TRY004 - of a name in the data, not of an argument
            f"no class {name} in the modules that are imported"
        )
    return found


def _open_enum(parts: list[Any]) -> enum.Enum:
    name, value = parts
    kind = _resolve(name)
    if not issubclass(kind, enum.Enum):
        raise LookupError(f"{name} is no Enum")  # noqa: TRY004 - of a name in the data, not of an argument
    return kind(value)


def _open_fields(parts: list[Any]) -> Any:
    name, stored = parts
    kind: Any = _resolve(name)
    if _is_model(kind):
        return kind.model_validate(stored)
    known = {name: stored[key] for key, name in fields_of(kind) if key in stored}
    if issubclass(kind, msgspec.Struct):
        return kind(**known)
    late = {field.name for field in dataclasses.fields(kind) if not field.init} & known.keys()
    value = kind(**{name: part for name, part in known.items() if name not in late})
    for name in late:
        object.__setattr__(value, name, known[name])  # past the guard of a frozen dataclass, as its own __init__ does
    return value


def _open_map(parts: list[Any]) -> dict[Any, Any]:
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    if len(found) * 2 != len(parts):
        raise ValueError("a dict that holds a key twice")
    return found


CONTAINERS: dict[int, Callable[[list[Any]], Any]] = {
    Code.TUPLE: tuple,
    Code.SET: set,
    Code.FROZENSET: frozenset,
    Code.MAP: _open_map,
    Code.ENUM: _open_enum,
    Code.FIELDS: _open_fields,
}


# --- what is wrong with a value --------------------------------------------------------------------------------------


def parts(value: object) -> Iterator[tuple[str, object]]:
    """The parts of a value, each with its step of the path."""
    if isinstance(value, dict):
        for key, part in value.items():
            if type(key) is not str:
                yield f".keys({key!r})" if isinstance(key, (int, float, bool)) else ".keys()", key
            yield f"[{key!r}]" if isinstance(key, (str, int)) else "[…]", part
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from (("{…}", part) for part in value)
    elif not isinstance(value, (type, enum.Enum)):
        kind: Any = type(value)
        try:
            fields = fields_of(kind)
        except TypeError:
            return
        yield from ((f".{name}", getattr(value, name)) for _, name in fields)


def refusal(value: object) -> str:
    """Why a value of this type is refused, and what to do."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if "<locals>" in name:
        return f"the class {name} is defined in a function; define it in a module, where it can be found again"
    for base in (dict, list, tuple, str, int, float, bytes, set, dt.datetime, dt.date):
        if isinstance(value, base):
            return f"{name} would come back as a plain {base.__name__}; store {base.__name__}(…) of it"
    return f"the type {name} cannot be stored; keep its data (or an id to find it by) as plain types or a dataclass"


# --- depth -----------------------------------------------------------------------------------------------------------

# Every byte that can start a container or an extension. ASCII holds none, so few payloads need the exact look.
_NOT_OPENING = bytes(
    set(range(256)) - set(range(0x80, 0xA0)) - {*range(0xC7, 0xCA), *range(0xD4, 0xD9), *range(0xDC, 0xE0)}
)

_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED |= {0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}  # extensions of a fixed size, with their code
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}  # size of the size, more
_SIZED |= {0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}
_COUNTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}  # size of the count, values for each


def deeper_than(packed: bytes, limit: int) -> bool:
    """Whether lists and dicts are nested deeper than `limit` in `packed`, as a decoder would meet them.

    A decoder goes one stack frame down for each, so this looks before it leaps. Linear in the bytes.
    """
    if len(packed.translate(None, _NOT_OPENING)) <= limit:
        return False
    at, open_counts = 0, [1]
    while open_counts and at < len(packed):
        open_counts[-1] -= 1
        at, values = _step(packed, at)
        open_counts.append(values)
        while open_counts and not open_counts[-1]:
            open_counts.pop()
        if len(open_counts) > limit:
            return True
    return False


def _step(packed: bytes, at: int) -> tuple[int, int]:
    """Where the value at `at` goes on (for a container: where its first member starts), and how many members it has."""
    first = packed[at]
    at += 1
    if 0x80 <= first <= 0x8F:
        return at, (first & 0x0F) * 2
    if 0x90 <= first <= 0x9F:
        return at, first & 0x0F
    if 0xA0 <= first <= 0xBF:
        return at + (first & 0x1F), 0
    if first in _SIZED:
        width, more = _SIZED[first]
        return at + width + more + int.from_bytes(packed[at : at + width]), 0
    if first in _COUNTED:
        width, each = _COUNTED[first]
        return at + width, int.from_bytes(packed[at : at + width]) * each
    return at + _FIXED.get(first, 0), 0
