"""Limits: how much a back end is asked at once. What finds no room waits for it."""

from __future__ import annotations

import msgspec

from sojourn.errors import SettingError

__all__ = ["Limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """For one `Backend` of one process. None: no limit."""

    sessions: int | None = None
    """Sessions that are held at once. Of those that outlive an exchange, the least used is closed for a new one."""
    calls: int | None = None
    """Calls that go at once. One has ended when its answer has been read, so answers are not streamed then."""
    pace: tuple[int, float] | None = None
    """So many calls in so many seconds."""
    patience: float = 60.0
    """Seconds that a call waits for room, then `BackendBusy`; as long as a server usually waits for an application."""

    def __post_init__(self) -> None:
        """Raise `SettingError` for limits that let nothing through."""
        for name, value in (("sessions", self.sessions), ("calls", self.calls)):
            if value is not None and value < 1:
                raise SettingError(f"Limits({name}={value!r}): give at least 1, or None for no limit")
        if self.pace is not None and (self.pace[0] < 1 or self.pace[1] <= 0):
            raise SettingError(f"Limits(pace={self.pace!r}): give a number of calls and seconds, both above 0")
