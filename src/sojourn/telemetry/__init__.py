"""What goes on, in figures and lines, for those who run a site. None of it names an id.

`sojourn.telemetry.prometheus`, `sojourn.telemetry.opentelemetry` and `sojourn.telemetry.log` each watch `Sessions`;
the first two watch a `sojourn.outbound.Backend`, too.
"""

from sojourn.telemetry.instruments import INSTRUMENTS, Instrument
from sojourn.telemetry.watched import Watched, WatchedBackend

__all__ = ["INSTRUMENTS", "Instrument", "Watched", "WatchedBackend"]
