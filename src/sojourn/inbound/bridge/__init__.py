"""The bridge: the one place where sync code calls async code."""

from __future__ import annotations

from sojourn.inbound.bridge.bridge import Bridge
from sojourn.inbound.bridge.loop import wait

__all__ = ["Bridge", "wait"]
