"""Entry: what this node knows of a place in the store of its fleet."""

from __future__ import annotations

import threading

from sojourn.core.record import Record
from sojourn.outbound.keeping.session import BackendSession

__all__ = ["Entry"]


class Entry:
    """Where it is, and what was last seen there. For any number of threads."""

    __slots__ = ("_gone", "_held", "_lock", "key", "record")

    def __init__(self) -> None:
        """Nothing yet."""
        self.key = ""
        """Where it is, once that is known."""
        self.record: Record | None = None
        """What was last seen there."""
        self._gone: tuple[str, int] | None = None
        self._held = False
        self._lock = threading.Lock()

    def hold(self) -> bool:
        """Have the right to write there, until `release`; False where somebody has it."""
        with self._lock:
            first, self._held = not self._held, True
            return first

    def release(self) -> None:
        """Give it back."""
        self._held = False

    def refused(self, session: BackendSession) -> None:
        """The back end does not know the session that was seen there."""
        if session.shared and self.record is not None:
            self._gone = session.ref, self.record.version

    def offers(self, session: BackendSession, record: Record) -> bool:
        """Whether what is there may be tried: not the session that was refused last, until it has changed."""
        return self._gone != (session.ref, record.version)
