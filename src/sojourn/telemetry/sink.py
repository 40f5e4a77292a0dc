"""Sink: where measurements go."""

from __future__ import annotations

from typing import Protocol

from sojourn.telemetry.instruments import Instrument

__all__ = ["Labels", "Sink"]

Labels = tuple[str, ...]
"""The values of the labels of an instrument, in their order."""


class Sink(Protocol):
    """Where measurements go as they are made."""

    def add(self, instrument: Instrument, labels: Labels) -> None:
        """One more."""
        ...

    def record(self, instrument: Instrument, labels: Labels, value: float) -> None:
        """One value, of a histogram."""
        ...
