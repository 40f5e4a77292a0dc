"""Listeners: who is told of events."""

from __future__ import annotations

import logging

from sojourn.core.events import Event, Listener

__all__ = ["Listeners"]

_log = logging.getLogger(__name__)


class Listeners:
    """Tells every listener of every event. What one of them raises is logged, and reaches nobody."""

    def __init__(self) -> None:
        """Nobody listens."""
        self._listeners: list[Listener] = []

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Listener) -> None:
        """Call `listener` from now on."""
        self._listeners.append(listener)

    def tell(self, event: Event) -> None:
        """Call them all, in the order in which they came."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - whatever it is, the next listener and the visitor must not suffer
                _log.exception("a listener failed on %s", type(event).__name__)
