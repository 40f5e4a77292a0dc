"""Depth: how deeply packed bytes are nested, found out without going down."""

from __future__ import annotations

__all__ = ["deeper_than"]


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
