"""Chance: what keeps nodes from marching in step."""

from __future__ import annotations

from random import SystemRandom

__all__ = ["chance"]

chance = SystemRandom()
"""Of nobody else: applications and tests seed the common one for their own ends. Forks share no state of it."""
