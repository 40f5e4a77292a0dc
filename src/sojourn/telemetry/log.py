"""Log: events as lines of JSON, for the logging that the process has set up."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from sojourn.core import events
from sojourn.telemetry.watched import Watched

__all__ = ["Log"]

_LEVELS: dict[type[events.Event], int] = {
    events.SessionAbsent: logging.DEBUG,  # each robot with an old cookie
    events.ChangesDropped: logging.WARNING,
    events.AttributeUnreadable: logging.WARNING,
    events.SessionUnreadable: logging.WARNING,
    events.FellBack: logging.WARNING,
    events.IdRefused: logging.WARNING,
    events.StrangerRefused: logging.WARNING,
    events.TrackingDisagreed: logging.WARNING,
    events.SessionRefused: logging.WARNING,
}

_UNTOLD = frozenset({
    "data",
    "packed",
    "packed_before",
    "came_from",  # what the visitor says, who may as well send an id
})  # fmt: skip


class Log:
    """Writes a line for each event: `Log().watch(sessions)`.

    The message is an object in JSON, as in ``{"event":"SessionCreated","ref":"mfzwizltoq4dcmru","app":"shop"…}``, so it
    stays one line whatever a principal is called; its fields are in `sojourn` of the `LogRecord` too, for formatters of
    your own. Neither has ids or values. Names of principals are in it: who may not be in your logs must not be signed
    in under their name.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        """`logger`: where to write; None: `sojourn.events`.

        Absent sessions are `DEBUG`, what may be a fault is `WARNING`, all else `INFO`.
        """
        self._logger = logger if logger is not None else logging.getLogger("sojourn.events")

    def watch(self, sessions: Watched) -> None:
        """Write what happens to `sessions` from now on."""
        sessions.listen(self)

    def __call__(self, event: events.Event) -> None:
        """Write a line."""
        level = _LEVELS.get(type(event), logging.INFO)
        if self._logger.isEnabledFor(level):
            fields = _fields(event)
            self._logger.log(level, "%s", msgspec.json.encode(fields).decode(), extra={"sojourn": fields})


def _fields(event: events.Event) -> dict[str, Any]:
    told = {name: getattr(event, name) for name in event.__struct_fields__ if name not in _UNTOLD}
    return {"event": type(event).__name__, **told}
