"""Paths: the parts of a value, and where they are in it."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from sojourn.core.codec.classes import fields_of

__all__ = ["parts_of"]


def parts_of(value: object) -> Iterator[tuple[str, object]]:
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
            parts = [(f".{name}", getattr(value, name)) for _, name in fields_of(kind)]
        except Exception:  # noqa: BLE001 - it has none, or lacks one, or its own code fails: it is refused as a whole
            return
        yield from parts
