"""Waiting: the one way in which sync code has async code done, whichever side it is of."""

from sojourn.waiting.loop import at_exit, wait
from sojourn.waiting.surroundings import check

__all__ = ["at_exit", "check", "wait"]
