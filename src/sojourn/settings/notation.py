"""Notation: values and names as TOML writes them."""

from __future__ import annotations

import json
import re
from datetime import time, timedelta

__all__ = ["name_in_toml", "toml"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml(value: object) -> str:
    """A value of a setting, as a file has it; `false` for None."""
    match value:
        case None:
            return "false"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # the one character they differ in
        case time():
            return toml(value.isoformat(timespec="minutes"))
        case timedelta():
            return toml(value.total_seconds())
        case float() if value.is_integer():
            return str(int(value))
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
    return str(value)


def name_in_toml(name: str) -> str:
    """A name in the heading of a section."""
    return name if _BARE.fullmatch(name) else toml(name)
