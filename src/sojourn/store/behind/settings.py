"""Behind: how changes are queued, and when they are saved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sojourn.errors import SettingError

__all__ = ["Behind"]


@dataclass(frozen=True, kw_only=True)
class Behind:
    """Save changes after the response: `Sessions(save="async", write=Behind(…))`.

    A change of data is queued, and the response does not wait for the store. Creating, renewing, signing in or out,
    ending and bringing the end nearer still wait. **What can be lost**: a node that is killed (`kill -9`, power) loses
    the changes that it acknowledged since the last save, those of one `interval` and of the time that saving takes;
    while the store is away, those since it went. A node that is stopped loses nothing, unless the store stays away for
    `drain`.

    A balancer must send a visitor to the same node each time (sticky routing): other nodes see a change only when it is
    saved. Changes of one attribute that two nodes made meanwhile are not both kept; the one saved last is.
    """

    interval: float = 5.0
    """Seconds from a change until it is saved, at most, while the store answers."""
    queue_size: int = 10_000
    """Sessions with unsaved changes; when there are as many, the changes of others are saved before the response."""
    max_items: int = 2_000
    """Sessions saved in one attempt. Attempts follow each other until all is saved that was queued when they began."""
    drain: float = 20.0
    """Seconds for which a node that stops tries to save what is queued. Supervisors commonly kill after 30."""

    def __post_init__(self) -> None:
        for name in ("interval", "drain"):
            seconds = getattr(self, name)
            if not (isinstance(seconds, float | int) and 0 < seconds < math.inf):  # refuses NaN too
                raise SettingError(f"Behind({name}={seconds!r}): give seconds, more than 0")
        for name in ("queue_size", "max_items"):
            number = getattr(self, name)
            if type(number) is not int or number < 1:
                raise SettingError(f"Behind({name}={number!r}): give a whole number, 1 or more")
