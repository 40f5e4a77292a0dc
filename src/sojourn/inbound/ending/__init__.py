"""How sessions end: one by one, beyond a limit, or because nobody came back."""

from sojourn.inbound.ending.endings import Endings
from sojourn.inbound.ending.limit import Limit
from sojourn.inbound.ending.sweeping import Sweep, Sweeper

__all__ = ["Endings", "Limit", "Sweep", "Sweeper"]
