"""What goes on, in figures and lines, for those who run a site. None of it names an id.

`sojourn.telemetry.prometheus`, `sojourn.telemetry.opentelemetry` and `sojourn.telemetry.log` each watch `Sessions`.
"""

from sojourn.telemetry.instruments import INSTRUMENTS, Instrument
from sojourn.telemetry.watched import Watched

__all__ = ["INSTRUMENTS", "Instrument", "Watched"]
