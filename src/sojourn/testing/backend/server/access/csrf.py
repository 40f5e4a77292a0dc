"""Guards: how tokens against CSRF travel between the back end and its clients. A token is always its session's."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Protocol

from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.server.access.sessions import Session
from sojourn.testing.backend.server.messages import SAFE, Answer, Request, text_answer

__all__ = ["Guard", "guard_of"]

Headers = list[tuple[str, str]]


class Guard(Protocol):
    """One dialect."""

    def admits(self, request: Request, session: Session, /) -> bool:
        """Whether a request that is not safe has the token of its session."""

    def refusal(self) -> Answer:
        """The answer to one that has not."""

    def told(self, request: Request, session: Session, /) -> Headers:
        """The headers of an answer that tell the token; none where it is not told."""

    def head(self, session: Session, /) -> str:
        """What stands in the head of a page; "" where that does not tell the token."""


def guard_of(behaviour: Behaviour) -> Guard:
    """The guard that `behaviour` asks for."""
    header = behaviour.csrf_header
    match behaviour.csrf:
        case None:
            return _Absent()
        case "fetch":
            return _Fetched(header or "x-csrf-token")
        case "django":
            return _Twofold("csrftoken", header or "x-csrftoken", "csrfmiddlewaretoken")
        case "double-submit":
            return _Twofold("XSRF-TOKEN", header or "x-xsrf-token", "_csrf")  # the names that axios and Angular know
        case "meta":
            return _Written(header or "x-csrf-token")


class _Absent:
    """No token is asked for."""

    def admits(self, _: Request, __: Session, /) -> bool:
        return True

    def refusal(self) -> Answer:
        return text_answer(403, "Forbidden")

    def told(self, _: Request, __: Session, /) -> Headers:
        return []

    def head(self, _: Session, /) -> str:
        return ""


@dataclass(frozen=True)
class _Fetched:
    """Told to those that ask with `X-CSRF-Token: Fetch`, as SAP Gateway does."""

    header: str

    def admits(self, request: Request, session: Session) -> bool:
        return request.headers.get(self.header.lower()) == session.token

    def refusal(self) -> Answer:
        return text_answer(403, "CSRF token validation failed", (self.header, "Required"))

    def told(self, request: Request, session: Session) -> Headers:
        asked = request.headers.get(self.header.lower(), "").lower() == "fetch"
        return [(self.header, session.token)] if asked and request.method in ("GET", "HEAD") else []

    def head(self, _: Session, /) -> str:
        return ""


@dataclass(frozen=True)
class _Twofold:
    """In a cookie, and once more in a header or in a field of a form."""

    cookie: str
    header: str
    field: str

    def admits(self, request: Request, session: Session) -> bool:
        said = request.headers.get(self.header.lower()) or request.form.get(self.field)
        return said == session.token and session.token in request.values(self.cookie)

    def refusal(self) -> Answer:
        return text_answer(403, "CSRF verification failed. Request aborted.")

    def told(self, request: Request, session: Session) -> Headers:
        if request.method not in SAFE or session.token in request.values(self.cookie):
            return []
        return [("set-cookie", f"{self.cookie}={session.token}; Path=/; SameSite=Lax")]

    def head(self, _: Session, /) -> str:
        return ""


@dataclass(frozen=True)
class _Written:
    """In a meta tag of a page, as Rails and Laravel do."""

    header: str

    def admits(self, request: Request, session: Session) -> bool:
        return request.headers.get(self.header.lower()) == session.token

    def refusal(self) -> Answer:
        return text_answer(419, "Page Expired")  # Laravel's own status

    def told(self, _: Request, __: Session, /) -> Headers:
        return []

    def head(self, session: Session) -> str:
        return f'<meta name="csrf-token" content="{html.escape(session.token)}">'
