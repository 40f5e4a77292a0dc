"""Durations as people write them: 90s, 30m, 12h, 7d, 1h30m."""

from __future__ import annotations

import re
from datetime import timedelta

__all__ = ["duration"]

_WHOLE = re.compile(r"(?:\d+[smhd])+")
_PART = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> timedelta:
    """The time that `text` says. Raises `ValueError`, also for one that is none at all."""
    parts = _PART.findall(text) if _WHOLE.fullmatch(text) else []
    seconds = sum(int(count) * _SECONDS[unit] for count, unit in parts)
    if not seconds:
        raise ValueError(f"{text!r} is no time; write it as 90s, 30m, 12h or 1h30m")
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any time; write it as 90s, 30m, 12h or 1h30m") from None
