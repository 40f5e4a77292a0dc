"""ServerClock: the time of the server, carried on between two looks at it."""

from __future__ import annotations

import time

__all__ = ["ServerClock"]


class ServerClock:
    """What the server's clock says, by this process's monotonic clock."""

    def __init__(self) -> None:
        self._ahead: float | None = None  # of the monotonic clock, in seconds

    def now(self) -> float:
        """Seconds since the epoch. Until the server was asked for the first time, by this machine."""
        return time.time() if self._ahead is None else time.monotonic() + self._ahead

    def measured(self, said: float, *, asked_at: float, answered_at: float) -> None:
        """The server `said` its time between two instants of the monotonic clock.

        What it says is true for one instant between the two. While that allows what was measured before, that stays:
        a slow answer makes a good clock no worse.
        """
        least, most = said - answered_at, said - asked_at
        if self._ahead is None or not least <= self._ahead <= most:
            self._ahead = (least + most) / 2
