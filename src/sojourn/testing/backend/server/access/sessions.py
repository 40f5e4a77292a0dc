"""Sessions: those of the back end, while they last."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable

from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.server.tally import Tally

__all__ = ["Full", "Session", "Sessions"]


class Full(Exception):
    """The user has as many sessions as one may have."""


class Session:
    """What the back end knows of one client."""

    __slots__ = ("at_once", "companion", "cursor", "id", "number", "requests", "token", "used_at", "user")

    def __init__(self, number: int, user: str | None, now: float) -> None:
        """`user`: None for a visitor that has not signed in."""
        self.number = number
        self.user = user
        self.used_at = now
        self.id = secrets.token_hex(16).upper()  # as Tomcat's
        self.companion = secrets.token_hex(4)
        self.token = secrets.token_urlsafe(24)
        self.cursor: int | None = None
        self.requests = 0
        self.at_once = 0

    def forget_token(self) -> None:
        """From now on another token is good."""
        self.token = secrets.token_urlsafe(24)


class Sessions:
    """All live ones, those used longest ago first."""

    def __init__(self, behaviour: Behaviour, tally: Tally, now: Callable[[], float]) -> None:
        """`now`: seconds that only grow."""
        self._behaviour = behaviour
        self._tally = tally
        self._now = now
        self._made = 0
        self._by_id: dict[str, Session] = {}
        self._of_user: Counter[str] = Counter()
        self.live = 0

    def find(self, ids: Iterable[str]) -> Session | None:
        """The first that lives, which is used by that."""
        session = self.peek(ids)
        if session is not None:
            session.used_at = self._now()
            self._by_id[session.id] = self._by_id.pop(session.id)
        return session

    def peek(self, ids: Iterable[str]) -> Session | None:
        """The first that lives; that is no use of it."""
        self._expire()
        return next((self._by_id[each] for each in ids if each in self._by_id), None)

    def open(self, user: str | None) -> Session:
        """Make one; raise `Full` where the user may have no more."""
        self._expire()
        if user is not None:
            if self._of_user[user] >= self._behaviour.sessions_per_user:
                self._tally.add("sessions_refused")
                raise Full
            self._of_user[user] += 1
            self.live += 1
            self._tally.at_most("most_live", self.live)
        self._tally.add("visitors" if user is None else "sessions_made")
        self._made += 1
        session = Session(self._made, user, self._now())
        self._by_id[session.id] = session
        return session

    def close(self, session: Session, how: str = "sessions_closed") -> None:
        """Have it no longer, unless it has ended before. `how`: what that counts as."""
        if self._by_id.pop(session.id, None) is not None and session.user is not None:
            self._of_user[session.user] -= 1
            self.live -= 1
            self._tally.add(how)

    def forget(self, user: str | None = None, number: int | None = None) -> int:
        """Forget those of a user, the one of that number, or all; return how many of users those were."""
        self._expire()
        chosen = [each for each in self._by_id.values() if user in (None, each.user) and number in (None, each.number)]
        for session in chosen:
            self.close(session, "sessions_forgotten")
        return sum(session.user is not None for session in chosen)

    def forget_tokens(self) -> None:
        """Give every session another token."""
        for session in self._by_id.values():
            session.forget_token()

    def requests(self) -> dict[int, int]:
        """How many each live session of a user has had."""
        self._expire()
        return {each.number: each.requests for each in self._by_id.values() if each.user is not None}

    def _expire(self) -> None:
        latest = self._now() - self._behaviour.idle
        while self._by_id:
            oldest = next(iter(self._by_id.values()))
            if oldest.used_at > latest:
                return
            self.close(oldest, "sessions_expired")
