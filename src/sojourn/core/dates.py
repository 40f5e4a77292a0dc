"""Dates: what is known of a session beside what it holds: its public name, its times, its version."""

from __future__ import annotations

from sojourn.core.ids import new_ref
from sojourn.core.links import Linked
from sojourn.core.record import Record

__all__ = ["Dated"]


class Dated(Linked):
    """A session that is stored, or not yet."""

    _found: Record | None
    """What was stored when the request began."""
    _record: Record | None
    """What is stored, as far as this request knows."""
    _now: float
    """When the request began."""
    _ref: str | None = None

    @property
    def ref(self) -> str:
        """The public name of the session: stable over renewals, fit for logs; readable after the end, too."""
        if self._ref is None:
            self._ref = self._record.ref if self._record is not None else new_ref()
        return self._ref

    @property
    def is_new(self) -> bool:
        """Whether the visitor came without a session."""
        return self._found is None

    @property
    def version(self) -> int:
        """How often the session was saved; 0 when it is not stored."""
        return 0 if self._record is None else self._record.version

    @property
    def created_at(self) -> float:
        """When the session was created, in seconds since the epoch."""
        return self._now if self._record is None else self._record.created_at

    @property
    def accessed_at(self) -> float:
        """When the previous request used it, in seconds since the epoch, to within the slack of `Lifetime`."""
        return self._now if self._found is None else self._found.accessed_at

    @property
    def expires_at(self) -> float | None:
        """When the session ends if it is not used, in seconds since the epoch; None when it is not stored."""
        return None if self._record is None else self._record.expires_at
