"""Watched: what telemetry needs to know of `Sessions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sojourn.core.events import Event
from sojourn.store.base import Store

__all__ = ["Watched"]


class Watched(Protocol):
    """The sessions of one application in this process, as `sojourn.Sessions` has them."""

    @property
    def app(self) -> str:
        """The name of the application."""
        ...

    @property
    def store(self) -> Store:
        """Where they rest, with all that is around it."""
        ...

    @property
    def active(self) -> int:
        """How many of them are in use at this moment."""
        ...

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event from now on."""
        ...
