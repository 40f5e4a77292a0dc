"""Lifetime: how long a session lives, and when its times are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from sojourn.errors import SettingError

__all__ = ["GRACE", "Clock", "Lifetime"]

Clock = Callable[[], float]
"""Tells the time in seconds since the epoch. Nothing in `core` calls one: `now` is a parameter."""

IDLE = timedelta(minutes=30)  # the facility's default, as in WebSphere and the servlet world (A6, R20)

GRACE = 60.0  # seconds for which requests in flight may still come with an id that was renewed; see `Lifetime.renew`


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """When a session ends by itself, and when it gets a new id.

    Each limit is a timedelta, or a number of seconds.

    ==========  =======================================================================================
    a duration  the limit
    ``0``       the default: 30 minutes for `idle`, no limit for the others
    ``None``    no limit
    negative    refused with `SettingError`: elsewhere it means "at once" or "never", so here it means neither
    ==========  =======================================================================================

    A session has expired when its time is reached, not only when it is passed. It never ends early; after its last use
    it may live longer than `idle` by the slack, because uses are written at most once in that time: idle / 20, and
    60 seconds at most.
    """

    idle: timedelta | float | None = IDLE
    """Ends the session after this long without a use."""
    absolute: timedelta | float | None = None
    """Ends the session this long after its creation, used or not (ASVS 7.3.2)."""
    renew: timedelta | float | None = None
    """Gives the session a new id when the one it has is this old."""

    def __post_init__(self) -> None:
        for name in ("idle", "absolute", "renew"):
            limit = getattr(self, name)
            if not (isinstance(limit, timedelta | float | int | None) and _seconds(limit) >= 0):  # catches NaN too
                raise SettingError(
                    f"Lifetime({name}=…): give a timedelta or seconds from 0 on (0: the default), or None for no limit"
                )

    @cached_property
    def idle_seconds(self) -> float:
        """The idle limit in seconds, `math.inf` when there is none."""
        return _seconds(self.idle) or IDLE.total_seconds()

    @cached_property
    def slack(self) -> float:
        """Seconds between two writes of the time of use."""
        return min(60.0, self.idle_seconds / 20)

    @cached_property
    def absolute_seconds(self) -> float:
        """The absolute limit in seconds, `math.inf` when there is none."""
        return _seconds(self.absolute) or math.inf

    @cached_property
    def renew_seconds(self) -> float:
        """The age at which an id is renewed, in seconds, `math.inf` when it never is."""
        return _seconds(self.renew) or math.inf

    def absolute_at(self, created_at: float) -> float:
        """When a session created then ends at the latest."""
        return created_at + self.absolute_seconds

    def expires_at(self, now: float, absolute_at: float) -> float:
        """When a session used `now` expires."""
        return min(now + self.idle_seconds + self.slack, absolute_at)

    def touch_due(self, accessed_at: float, now: float) -> bool:
        """Whether a use `now` is worth writing, when `accessed_at` is what was written last."""
        return now - accessed_at >= self.slack

    def renewal_due(self, renewed_at: float, now: float) -> bool:
        """Whether the id is old enough for a new one."""
        return now - renewed_at >= self.renew_seconds


def _seconds(limit: timedelta | float | None) -> float:
    if limit is None:
        return math.inf
    return limit.total_seconds() if isinstance(limit, timedelta) else float(limit)
