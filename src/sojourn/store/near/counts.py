"""Counts: what became of those who asked."""

from __future__ import annotations

import msgspec

__all__ = ["Counts"]


class Counts(msgspec.Struct):
    """What happened in a near cache since its process began."""

    hits: int = 0
    misses: int = 0
    stale: int = 0
    """Loads that brought less than the visitor had seen."""
    joined: int = 0
    """Loads that another had begun already."""
    dropped: int = 0
    """Copies that were dropped since something changed elsewhere."""
    discarded: int = 0
    """Copies that had to make room."""
    breaks: int = 0
    """How often the watch broke."""
