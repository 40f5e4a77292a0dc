"""Progress: one line that is written over and over."""

from __future__ import annotations

import sys

__all__ = ["say"]


def say(text: str) -> None:
    """Show what is being done."""
    print(f"\r{text}".ljust(79), end="", file=sys.stderr, flush=True)
