"""A picky back end on a port of its own, to test clients against. It needs the extra `serve`."""

from __future__ import annotations

from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.counts import Counts, Order, Seen
from sojourn.testing.backend.fake_backend import FakeBackend
from sojourn.testing.backend.fault import Fault

__all__ = ["Behaviour", "Counts", "FakeBackend", "Fault", "Order", "Seen"]
