"""Place: where the session of one principal is held in one scope."""

from __future__ import annotations

from sojourn.outbound.auth.base import Auth
from sojourn.outbound.keeping.gate import Gate
from sojourn.outbound.keeping.once import Once
from sojourn.outbound.keeping.session import BackendSession

__all__ = ["Place"]

DOUBTS = 2  # sessions in a row that were refused at their first use: the back end knows nobody by its cookies


class Place(Once[BackendSession]):
    """Holds a session, or knows who is signing in; and what was learned of the back end."""

    __slots__ = ("auth", "broken", "doubts", "ended", "sharers", "told_to_sign_always", "turn")

    def __init__(self, auth: Auth | None) -> None:
        """`auth`: who signs in; None: nobody, and the back end gives a session to whoever comes."""
        super().__init__()
        self.auth = auth
        self.turn = Gate(1, "the session")
        """For back ends that cannot serve one session in parallel."""
        self.broken = False
        """Whether the session of a stateful exchange was lost."""
        self.ended = False
        """Whether its scope has ended, so that no session is held any more."""
        self.doubts = 0
        self.told_to_sign_always = False
        """Whether somebody was told that the back end keeps no session."""
        self.sharers = 1
        """Exchanges that have it."""

    @property
    def identity(self) -> str:
        """Whose it is, for logs and events."""
        return self.auth.identity if self.auth is not None else ""

    @property
    def signs_always(self) -> bool:
        """Whether the back end refuses whoever comes with a cookie alone."""
        return self.doubts >= DOUBTS

    def lose(self, session: BackendSession) -> bool:
        """The back end does not know that session any more; False where it was known already."""
        if not self.drop(session):
            return False
        session.leave()
        return True

    def refused(self, session: BackendSession) -> None:
        """The back end has said so, to a call in it."""
        if self.lose(session):
            self.doubts = 0 if session.proven else self.doubts + 1
