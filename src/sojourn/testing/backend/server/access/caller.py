"""Caller: who sent a request, as far as it is known by now."""

from __future__ import annotations

from dataclasses import dataclass

from sojourn.testing.backend.server.access.sessions import Session

__all__ = ["Caller"]


@dataclass(slots=True)
class Caller:
    """Filled while a request is served."""

    user: str | None = None
    session: Session | None = None
    fresh: bool = False
    """Whether this request made the session, so that its answer has to tell the cookie."""

    def enters(self, user: str | None, session: Session | None, *, fresh: bool = False) -> None:
        """Be known from now on. `user`: None for a visitor who has not signed in."""
        self.user = user
        self.session = session
        self.fresh = fresh
