"""The bridge: the one place where sync code calls async code."""

from __future__ import annotations

from sojourn.inbound.bridge.bridge import Bridge, Waiting
from sojourn.inbound.bridge.events import Events
from sojourn.waiting import at_exit, wait

__all__ = ["Bridge", "Events", "Waiting", "at_exit", "wait"]
