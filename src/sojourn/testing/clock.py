"""A clock that stands still until it is told otherwise."""

from __future__ import annotations

from datetime import timedelta

__all__ = ["FakeClock"]


class FakeClock:
    """Tells the time in seconds since the epoch: give it to `Sessions(clock=…)` or to a store."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        """`now`: where it starts; in 2027, unless told otherwise."""
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now

    def advance(self, **duration: float) -> None:
        """Go on by a duration, named as for `timedelta`: `clock.advance(minutes=21)`."""
        self.now += timedelta(**duration).total_seconds()
