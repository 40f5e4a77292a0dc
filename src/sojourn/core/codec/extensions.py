"""Extensions: how the types that MessagePack lacks are packed.

A code, once released, keeps its meaning for ever: a new form gets a new code.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

from sojourn.core.codec.classes import open_enum, open_fields, open_html
from sojourn.core.codec.refusal import name_of

__all__ = ["CONTAINERS", "LEAVES", "OPENERS", "Code"]


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
    HTML = 22  # class, text: Markup, SafeString, and what else is text that is safe as HTML


def _zoned(value: dt.datetime | dt.time) -> bytes:
    zone = value.tzinfo
    name = zone.key if isinstance(zone, zoneinfo.ZoneInfo) else None
    if name is None and zone is not None and type(zone) is not dt.timezone:
        raise TypeError(
            f"the time zone of type {name_of(type(zone))} would come back as an offset; use zoneinfo.ZoneInfo"
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
    Code.ENUM: open_enum,
    Code.FIELDS: open_fields,
    Code.HTML: open_html,
}
