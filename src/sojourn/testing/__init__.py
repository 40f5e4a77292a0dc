"""For the tests of applications and of stores. Nothing in Sojourn imports it."""

from sojourn.testing.clock import FakeClock

__all__ = ["FakeClock"]
