"""How sessions end: one by one, beyond a limit, or because nobody came back."""

from sojourn.inbound.ending.endings import Endings
from sojourn.inbound.ending.sweeping import Sweeper

__all__ = ["Endings", "Sweeper"]
