"""Sessions at back ends: signed in once, kept whole, renewed, never mixed."""

from sojourn.outbound.backend import Backend
from sojourn.outbound.exchange import Exchange
from sojourn.outbound.limits import Limits

__all__ = ["Backend", "Exchange", "Limits"]
