"""Listeners: who is told of events."""

from __future__ import annotations

import logging

from sojourn.core.events import Detail, Event, Listener, SessionEnded
from sojourn.errors import SettingError

__all__ = ["Listeners"]

_log = logging.getLogger(__name__)


class Listeners:
    """Tells listeners of events. What one of them raises is logged, and reaches nobody."""

    def __init__(self) -> None:
        """Nobody listens."""
        self.details = False
        """Whether anybody wants details."""
        self._listeners: list[tuple[Listener, tuple[type[Event], ...]]] = []

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Listener, kinds: tuple[type[Event], ...] = ()) -> None:
        """Call `listener` from now on, with events of these kinds; without any, with all but details.

        Raises `SettingError` for what cannot be called, and for what is no kind of event.
        """
        if not callable(listener) or not all(isinstance(kind, type) and issubclass(kind, Event) for kind in kinds):
            raise SettingError("sessions.listen(…): give what is called with events, then the kinds of events it wants")
        self._listeners.append((listener, kinds))
        self.details = self.details or any(issubclass(kind, Detail) for kind in kinds) or Event in kinds

    def tell(self, event: Event) -> None:
        """Call them in the order in which they came; at the end of a session, the other way round."""
        # What came later may build on what was there before.
        listeners = reversed(self._listeners) if isinstance(event, SessionEnded) else self._listeners
        for listener, kinds in listeners:
            if not (isinstance(event, kinds) if kinds else not isinstance(event, Detail)):
                continue
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - whatever it is, the next listener and the visitor must not suffer
                _log.exception("a listener failed on %s", type(event).__name__)
