"""The session of one of several applications."""

from __future__ import annotations

from sojourn.core.codec import Packed
from sojourn.core.ids import SessionId
from sojourn.core.keeper import Keeper
from sojourn.core.merge import FieldChanges
from sojourn.core.record import Record
from sojourn.core.session import Session

__all__ = ["SharedSession", "sharing"]


class SharedSession(Session):
    """A session under an id that other applications have, too: the id may be there before the session is."""

    moved_to: SessionId | None = None
    """The id that the others have got by a sign-in that failed here."""
    _claimed = False

    def __init__(
        self,
        record: Record | None,
        now: float,
        keeper: Keeper | None = None,
        *,
        given: SessionId | None = None,
        told: int | None = None,  # noqa: ARG002 - no cookie tells one, and each request sees what is stored
    ) -> None:
        """As `Session`."""
        super().__init__(record, now, keeper, given=given, told=None if record is None else record.version)

    @property
    def is_new(self) -> bool:
        """As `Session`: whether the visitor came without a session of this application."""
        return self._found is None or self._found.blank

    @property
    def expires_at(self) -> float | None:
        """As `Session`."""
        return None if self._record is None or self._record.blank else self._record.expires_at

    @property
    def keeps_id(self) -> bool:
        """As `Session`: age gives no new id where nothing is stored."""
        return super().keeps_id or self.is_new

    def belong(self, principal: str) -> None:
        """As `Session`: what is not stored becomes theirs when it is."""
        super().belong(principal)
        if self._record is not None and self._record.blank:
            self._renew, self._claimed = False, True

    def changes(self) -> dict[str, Packed | FieldChanges | None]:
        """As `Session`."""
        changes = super().changes()
        if changes and self._claimed:
            self._renew, self._claimed = True, False
        return changes


def sharing(kind: type[Session]) -> type[Session]:
    """`kind`, for one of several applications."""
    return SharedSession if kind is Session else type(kind.__name__, (SharedSession, kind), {})
