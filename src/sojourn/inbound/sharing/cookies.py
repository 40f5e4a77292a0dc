"""The cookie of several applications: the id alone, since the versions of their sessions differ."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.core.outcome import Outcome
from sojourn.core.session import Session
from sojourn.inbound.sharing.session import SharedSession
from sojourn.inbound.tracking.cookies import SET, CookieTracking, Headers

__all__ = ["SharedTracking"]


class SharedTracking(CookieTracking):
    """In a cookie that is the others', too: it stays when one session ends, and is set only where it is a new one."""

    def read(self, headers: Sequence[bytes]) -> tuple[list[bytes], int | None]:
        """As `CookieTracking`; no version is told."""
        return super().read(headers)[0], None

    def write(self, session: Session, outcome: Outcome) -> Headers:
        """As `CookieTracking`."""
        cookie = self.cookie
        if session.ended and session.everywhere:
            return [(SET, cookie.clear(cookie.name))]
        given_out = None if outcome.clear else outcome.set_id or session.owed_id
        if given_out is None and isinstance(session, SharedSession):
            given_out = session.moved_to
        if given_out is None:
            return []
        return [(SET, cookie.set(cookie.name, self.spell(given_out), max_age=session.keep_for))]
