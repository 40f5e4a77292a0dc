"""The pure middle: values and decisions. Nothing here waits, reads a clock, or touches the world."""

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Lifetime
from sojourn.core.record import Record
from sojourn.core.session import Session

__all__ = ["Cookie", "Lifetime", "Record", "Session"]
