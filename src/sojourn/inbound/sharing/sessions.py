"""The session of one of several applications, and which settings go with that."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.core.codec import Packed
from sojourn.core.merge import FieldChanges
from sojourn.core.session import Session
from sojourn.errors import SettingError
from sojourn.inbound.sharing.anchors import SharedRecord

__all__ = ["SharedSession", "check_sharing", "sharing"]


class SharedSession(Session):
    """A session under an id that other applications have issued, perhaps: then it may be there and not be stored."""

    _claimed = False

    @property
    def is_new(self) -> bool:
        """As `Session`: whether the visitor came without a session of this application."""
        return self._found is None or not self._found.stored

    @property
    def version(self) -> int:
        """As `Session`."""
        record = self._record
        return record.version_of_its_own if isinstance(record, SharedRecord) else super().version

    @property
    def accessed_at(self) -> float:
        """As `Session`."""
        return self._now if self.is_new else super().accessed_at

    @property
    def expires_at(self) -> float | None:
        """As `Session`."""
        return super().expires_at if self._record is not None and self._record.stored else None

    def belong(self, principal: str) -> None:
        """As `Session`; what is not stored becomes theirs when it is."""
        super().belong(principal)
        if self._record is not None and not self._record.stored:
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


def check_sharing(store: object, *, save: str, tracking: Sequence[str], takes_over: Sequence[object]) -> None:
    """Raise `SettingError` for what cannot be had together with a shared id."""
    if save == "async":
        raise SettingError(
            "Sessions(share_id=True, save='async'): where a session is must be known to all applications at once; "
            "give save='sync' or 'manual'"
        )
    if list(tracking) != ["cookie"]:
        raise SettingError("Sessions(share_id=True, tracking=…): a shared id travels in a cookie; give ['cookie']")
    if takes_over:
        raise SettingError(
            "Sessions(share_id=True, takes_over=…): sessions of another library come to one application; take them "
            "over first, and share the id when their time is over"
        )
    if isinstance(store, str) and store.startswith("memory:"):
        raise SettingError(
            "Sessions(share_id=True): an id is shared over one store, and each would have a memory of its own; "
            "give all one that was opened once, or one on disk"
        )
