"""Records for tests: what does not matter has a value that does not matter."""

from __future__ import annotations

import math
from typing import Any

from sojourn.core import codec
from sojourn.core.ids import SessionId
from sojourn.core.record import Record

ID = SessionId("A" * 43)


def packed(**attributes: Any) -> dict[str, codec.Packed]:
    return {name: codec.pack(value, name) for name, value in attributes.items()}


def unpacked(attributes: codec.Attributes) -> dict[str, Any]:
    return {name: codec.unpack(part) for name, part in attributes.items()}


def record(*, data: bytes | None = None, **fields: Any) -> Record:
    known = set(Record.__struct_fields__) & fields.keys()
    values: dict[str, Any] = {
        "key": ID.key,
        "app": "shop",
        "ref": "theref",
        "principal": None,
        "epoch": 0,
        "version": 1,
        "created_at": 1000.0,
        "accessed_at": 1000.0,
        "renewed_at": 1000.0,
        "expires_at": 1000.0 + 1890,
        "absolute_at": math.inf,
        "node": "n1",
        "data": codec.write({}) if data is None else data,
    }
    values.update((name, fields[name]) for name in known)
    assert known == fields.keys()
    return Record(**values)


def holding(**attributes: Any) -> Record:
    return record(data=codec.write(packed(**attributes)))
