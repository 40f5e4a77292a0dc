"""Principals: an attribute that the application has anyway tells who is signed in."""

from __future__ import annotations

from typing import ClassVar

from sojourn.core import codec
from sojourn.core.codec import Packed
from sojourn.core.ids import SessionId
from sojourn.core.merge import FieldChanges
from sojourn.core.record import is_text, told_by
from sojourn.core.session import Session, Stage
from sojourn.errors import NotStorable, SettingError

__all__ = ["check_principal", "following"]


class FollowingSession(Session):
    """A session whose principal follows an attribute, when that is stored.

    What an application does with it is what assigning the principal does: a value that comes, changes or goes is a
    sign-in, another's, or a sign-out. Where the principal itself was assigned, that stands.
    """

    follows: ClassVar[str]

    def pending(self) -> dict[str, Packed | FieldChanges | None]:
        """As `Session.pending`, and the principal has followed. Raises `ResponseStarted` when that is too late."""
        changes = self.changes()
        if self._said or self.follows not in changes:
            return changes
        before, who = self._before(), told_by(self.get(self.follows), self.follows)
        if who == before:
            return changes
        if who is not None:
            self._refuse_late("a sign-in")
            self._begin()
        elif self._principal is None and self._stage is Stage.STARTED:
            return changes  # there is no principal to be rid of, and no cookie can be sent
        self._principal, self._renew = who, True
        if before is None or self._contents is None:
            return changes
        self._contents.leave()
        self._emptied = True
        return self.changes()

    def _who(self) -> str | None:
        return told_by(self.get(self.follows), self.follows) if self._is_told() else self._principal

    def _kept_id(self) -> SessionId:
        # Links are written before it is stored.
        return self.next_id() if self._is_told() and self._who() != self._before() else super()._kept_id()

    def _is_told(self) -> bool:
        return not self._said and self._contents is not None and self._contents.assigned(self.follows)

    def _before(self) -> str | None:
        """Who was signed in; also where that was before anything followed it."""
        contents = self._contents
        if self._principal is not None or contents is None:
            return self._principal
        packed = contents.found(unread=True).get(self.follows)
        try:
            return None if packed is None else told_by(codec.unpack(packed), self.follows)
        except (codec.Undecodable, NotStorable):
            return None


def following(kind: type[Session], name: str) -> type[Session]:
    """Sessions of `kind` whose principal follows the attribute `name`."""
    return type(kind.__name__, (FollowingSession, kind), {"follows": name})


def check_principal(name: object) -> None:
    """Raise `SettingError` for what cannot name an attribute."""
    if not name or not is_text(name):
        raise SettingError(f"Sessions(principal={name!r}): give the name of the attribute that tells who is signed in")
