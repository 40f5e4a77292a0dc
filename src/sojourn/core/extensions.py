"""Extensions: how the types that MessagePack lacks are packed, and what of a class is stored.

A code, once released, keeps its meaning for ever: a new form gets a new code.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import sys
import types
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
    "untagged",
]


class Code(enum.IntEnum):
    """The extension codes."""

    BIG_INT = 1  # two's complement, big endian
    DECIMAL = 2  # its text
    UUID = 3  # 16 bytes
    DATETIME = 4  # ISO 8601, with the name of the zone behind it as in RFC 9557; `~` before it: the fold is 1
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
    zone = value.tzinfo
    name = zone.key if isinstance(zone, zoneinfo.ZoneInfo) else None
    if name is None and zone is not None and type(zone) is not dt.timezone:
        raise TypeError(
            f"the time zone of type {_name(type(zone))} would come back as an offset; use zoneinfo.ZoneInfo"
        )
    return f"{'~' * value.fold}{value.isoformat()}{f'[{name}]' if name else ''}".encode()


def _parse_datetime(payload: bytes) -> dt.datetime:
    text, zone, fold = _parse_zoned(payload)
    value = dt.datetime.fromisoformat(text)
    return value.replace(tzinfo=zone or value.tzinfo, fold=fold)


def _parse_time(payload: bytes) -> dt.time:
    text, zone, fold = _parse_zoned(payload)
    value = dt.time.fromisoformat(text)
    return value.replace(tzinfo=zone or value.tzinfo, fold=fold)


def _parse_zoned(payload: bytes) -> tuple[str, zoneinfo.ZoneInfo | None, int]:
    text, _, name = payload.decode("ascii").partition("[")
    zone = zoneinfo.ZoneInfo(name.removesuffix("]")) if name else None
    return text.removeprefix("~"), zone, int(text.startswith("~"))


def _parse_timedelta(payload: bytes) -> dt.timedelta:
    days, seconds, microseconds = map(int, payload.split(b","))
    return dt.timedelta(days, seconds, microseconds)


LEAVES: dict[type, Callable[[Any], tuple[int, bytes]]] = {
    int: lambda value: (Code.BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, signed=True)),
    decimal.Decimal: lambda value: (Code.DECIMAL, str(value).encode()),
    uuid.UUID: lambda value: (Code.UUID, value.bytes),
    dt.datetime: lambda value: (Code.DATETIME, _zoned(value)),
    dt.date: lambda value: (Code.DATE, value.isoformat().encode()),
    dt.time: lambda value: (Code.TIME, _zoned(value)),
    dt.timedelta: lambda value: (Code.TIMEDELTA, b"%d,%d,%d" % (value.days, value.seconds, value.microseconds)),
}

OPENERS: dict[int, Callable[[bytes], Any]] = {
    Code.BIG_INT: lambda payload: int.from_bytes(payload, signed=True),
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
    if (lacking := _lacking(kind)) is not None:
        raise TypeError(f"{_name(kind)} cannot be made again without {lacking!r}: give it a default")
    found = {key: part for key, name in fields if (part := getattr(value, name)) is not msgspec.UNSET}
    if _is_model(kind):
        found.update(value.model_extra or {})  # type: ignore[attr-defined]
    return found


def untagged(value: object) -> Any:
    """What `msgspec.convert` makes the value of again when it is told the type. Raises TypeError."""
    plain = plain_fields(value)
    config = getattr(type(value), "__struct_config__", None)
    if config is None or (config.tag is None and not config.array_like):
        return plain
    if not config.array_like:
        return {config.tag_field: config.tag, **plain}
    if len(plain) < len(msgspec.structs.fields(value)):  # type: ignore[arg-type]
        raise TypeError(f"{_name(type(value))} is array_like, so no field of it can be transient or unset")
    return [*([] if config.tag is None else [config.tag]), *plain.values()]


@lru_cache(maxsize=1024)
def _lacking(kind: type) -> str | None:
    """What a class must be given and is not stored of its objects, such as a transient field without a default."""
    stored = {name for _, name in fields_of(kind)}
    if _is_model(kind):
        fields: dict[str, Any] = kind.model_fields  # type: ignore[attr-defined]
        return next((name for name, field in fields.items() if field.is_required() and name not in stored), None)
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.default is parameter.empty and name not in stored:
            return name
    return None


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
        # Not getattr: a module or metaclass may answer that by importing something.
        found = vars(found).get(step) if isinstance(found, (type, types.ModuleType)) else None
    if not isinstance(found, type):
        raise LookupError(  # noqa: TRY004 - of a name in the data, not of an argument
            f"no class {name[:80]!r} in the modules that are imported"
        )
    return found


def _open_enum(parts: list[Any]) -> enum.Enum:
    name, value = parts
    kind = _resolve(name)
    if not issubclass(kind, enum.Enum):
        raise LookupError(f"{name[:80]!r} is no Enum")  # noqa: TRY004 - of a name in the data, not of an argument
    return kind(value)


def _open_fields(parts: list[Any]) -> Any:
    name, stored = parts
    kind: Any = _resolve(name)
    if _is_model(kind):
        return kind.model_validate(stored, by_name=True)
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
            yield ".keys()", key
            yield f"[{key!r}]" if type(key) in (str, bool) or (type(key) is int and abs(key) < 2**64) else "[…]", part
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
    name = _name(type(value))
    if "<locals>" in name:
        return f"the class {name} is defined in a function; define it in a module, where it can be found again"
    if isinstance(value, (bytearray, memoryview)):
        return f"{name} would come back as bytes; store bytes(…) of it"
    for base in (dict, list, tuple, str, int, float, bytes, set, dt.datetime, dt.date):
        if isinstance(value, base):
            return f"{name} would come back as a plain {base.__name__}; store {base.__name__}(…) of it"
    return f"the type {name} cannot be stored; keep its data (or an id to find it by) as plain types or a dataclass"


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


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
        if len(open_counts) > limit + 1:  # the first is the value itself
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
