"""The fleet: nodes that share the sessions which they hold at a back end, by a store."""

from sojourn.outbound.fleet.fleet import Fleet
from sojourn.outbound.fleet.opening import joined

__all__ = ["Fleet", "joined"]
