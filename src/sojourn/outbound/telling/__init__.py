"""What is told of calls to back ends: events to listeners and the log, and each call to those who measure."""

from sojourn.outbound.telling.observed import Called, Observer, observed
from sojourn.outbound.telling.telling import Telling

__all__ = ["Called", "Observer", "Telling", "observed"]
