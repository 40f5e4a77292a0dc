"""The clock of the server, as all nodes see it."""

from __future__ import annotations

import time

from sojourn.core.lifetime import Clock
from sojourn.errors import StoreUnavailable

__all__ = ["ServerClock"]

FRESH = 10.0  # seconds until the server is asked again: two good quartz clocks part by less than a millisecond
POOR = 0.5  # seconds on the way that make an answer worth less than one that is there


class ServerClock:
    """Tells what the server told last, and what has passed since by the monotonic clock; never the node's own time."""

    def __init__(self, given: Clock | None) -> None:
        """`given`: a clock that is the truth, whatever the server says."""
        self._given = given
        self._ahead: float | None = None
        self._asked_at = 0.0

    def __call__(self) -> float:
        """The time in seconds since the epoch. Raises `StoreUnavailable` when no server has told it yet."""
        if self._given is not None:
            return self._given()
        if self._ahead is None:
            raise StoreUnavailable("no Valkey has told the time yet; open the store first")
        return time.monotonic() + self._ahead

    @property
    def known(self) -> bool:
        """Whether it can be read."""
        return self._given is not None or self._ahead is not None

    @property
    def due(self) -> bool:
        """Whether it is time to ask the server again."""
        return self._given is None and time.monotonic() - self._asked_at > FRESH

    def told(self, seconds: bytes, micros: bytes, *, sent: float, got: float) -> None:
        """Take in an answer to TIME; `sent` and `got` by the monotonic clock."""
        if self._ahead is not None and got - sent > POOR:
            return
        self._ahead = int(seconds) + int(micros) / 1e6 - (sent + got) / 2
        self._asked_at = got
