"""Near: how much is kept near, and for how long it is trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sojourn.errors import SettingError
from sojourn.store.base import BEAT

__all__ = ["Near"]


@dataclass(frozen=True, kw_only=True)
class Near:
    """The bounds of the near cache of one node. Raises `SettingError`."""

    entries: int = 10_000
    """Sessions that are kept, at most; those that were not used for longest go first."""
    bytes: int = 64 << 20
    """What they take together, at most: their data, and about a kilobyte for each."""
    silence: float = 3 * BEAT
    """Seconds without a sign of life from the store's watch after which nothing is served from memory.

    So it bounds for how long a change that was made elsewhere can go unseen. Above the time between two signs, or the
    cache would rest between them; three times it, so that one that comes late does no harm.
    """
    loads: int = 200
    """Sessions that are loaded at once, at most; the others wait. As many as a store asks for in one round trip."""

    def __post_init__(self) -> None:
        for name in ("entries", "bytes", "loads"):
            limit = getattr(self, name)
            if type(limit) is not int or limit < 1:
                raise SettingError(f"Near({name}={limit!r}): give a whole number, 1 or more; near=None keeps nothing")
        if type(self.silence) not in (int, float) or not BEAT < self.silence < math.inf:
            raise SettingError(f"Near(silence={self.silence!r}): give seconds, more than {BEAT:g}")
