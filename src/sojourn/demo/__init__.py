"""A small shop that shows what becomes of a session when a worker dies; served by `sojourn demo`."""

__all__ = ["DEMO"]

DEMO = "SOJOURN_DEMO"
"""In the environment of the workers of `sojourn demo`, where another worker is at hand and a dead one is replaced."""
