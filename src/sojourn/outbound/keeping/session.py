"""One session at a back end: its cookies, its token, and whose it is, as one unit."""

from __future__ import annotations

import secrets

from sojourn.outbound.jar import Jar
from sojourn.outbound.keeping.gate import Gate
from sojourn.outbound.once import Once

__all__ = ["BackendSession"]


class BackendSession:
    """What the back end knows somebody by. It is never renewed: another takes its place, as a whole.

    So a call has the cookies and the token of one session, whatever becomes of it meanwhile, and what is answered late
    to a session that is gone changes nothing of the one that is there.
    """

    __slots__ = ("_room", "changed", "jar", "kept_at", "proven", "ref", "shared", "signs_always", "token", "used_at")

    def __init__(self, jar: Jar, now: float, room: Gate | None = None) -> None:
        """`jar`: for its cookies, empty. `now`: seconds since 1970. `room`: what it was let in at."""
        self._room = room
        self.ref = secrets.token_hex(6)
        """A public name, for logs and events."""
        self.jar = jar
        self.token: Once[str] = Once()
        self.used_at = now
        self.signs_always = False
        """Whether each call carries credentials, for the back end knows nobody by a cookie."""
        self.proven = False
        """Whether a call without credentials has been answered as one of somebody signed in."""
        self.changed = False
        """Whether it has changed since it was stored, where it is."""
        self.shared = False
        """Whether other nodes know it."""
        self.kept_at = now
        """The time of use that they know."""

    @property
    def occupies(self) -> bool:
        """Whether somebody else has room when it goes: not, where another node has begun it."""
        return self._room is not None

    def leave(self) -> None:
        """It is gone, at the back end or for us: there is room for another one. May be called again."""
        room, self._room = self._room, None
        if room is not None:
            room.leave()

    def take_over(self, other: BackendSession) -> None:
        """Have the room that `other` was let in at, which is not to be."""
        self._room, other._room = other._room, None

    def __repr__(self) -> str:
        return f"<BackendSession {self.ref}>"
