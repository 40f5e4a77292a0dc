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
            if value is not None and not (isinstance(value, int) and value >= 1):
                raise SettingError(f"Limits({name}={value!r}): give a whole number from 1 on, or None for no limit")
        if self.pace is not None and not _is_pace(self.pace):
            raise SettingError(f"Limits(pace={self.pace!r}): give a number of calls and seconds, as in (50, 1.0)")
        if not isinstance(self.patience, int | float) or self.patience < 0:
            raise SettingError(f"Limits(patience={self.patience!r}): give a number of seconds; 0 waits for nobody")


def _is_pace(pace: object) -> bool:
    if not isinstance(pace, tuple) or len(pace) != 2 or not all(isinstance(each, int | float) for each in pace):
        return False
    return isinstance(pace[0], int) and pace[0] >= 1 and pace[1] > 0
