"""Refusal: what is said of a value that cannot be packed."""

from __future__ import annotations

import datetime as dt

__all__ = ["name_of", "refusal"]


def refusal(value: object) -> str:
    """Why a value of this type is refused, and what to do."""
    name = name_of(type(value))
    if "<locals>" in name:
        return f"the class {name} is defined in a function; define it in a module, where it can be found again"
    if isinstance(value, (bytearray, memoryview)):
        return f"{name} would come back as bytes; store bytes(…) of it"
    for base in (dict, list, tuple, str, int, float, bytes, set, dt.datetime, dt.date):
        if isinstance(value, base):
            return f"{name} would come back as a plain {base.__name__}; store {base.__name__}(…) of it"
    return f"the type {name} cannot be stored; keep its data (or an id to find it by) as plain types or a dataclass"


def name_of(kind: type) -> str:
    """The name of a class, with its module."""
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
