"""Events: what happened to a session at a back end. Never a cookie, a token or a credential."""

from __future__ import annotations

from typing import Literal

from sojourn.core.events import Detail, Event

__all__ = [
    "BackendEvent",
    "CallAnswered",
    "CallSent",
    "CredentialsRefused",
    "PrincipalIgnored",
    "SessionAdopted",
    "SessionClosed",
    "SessionForgotten",
    "SignedIn",
    "SignsInEachTime",
    "StoreAway",
    "TokenFetched",
    "TokenMissing",
]


class BackendEvent(Event, frozen=True, kw_only=True):
    """What each tells: `app` is the back end, by scheme, host and port; `ref` a public name of the session there."""

    principal: str | None
    """Who the back end sees; None: nobody signs in there."""


class SignedIn(BackendEvent, frozen=True):
    """A session began."""

    seconds: float
    """From the first request of the sign-in until it had begun."""


class SessionAdopted(BackendEvent, frozen=True):
    """A session that another node has begun is this node's, too."""


class CredentialsRefused(BackendEvent, frozen=True):
    """The back end refuses the credentials, or signing in came to nothing, so none began."""


class TokenFetched(BackendEvent, frozen=True):
    """A token against CSRF was fetched; it is the session's."""


class TokenMissing(BackendEvent, frozen=True):
    """The back end gave no token against CSRF, so calls go without: it has another dialect, or tells it elsewhere."""


class SessionForgotten(BackendEvent, frozen=True):
    """The back end has forgotten the session."""

    again: bool
    """Whether the call that learned of it is sent once more."""


class SessionClosed(BackendEvent, frozen=True):
    """The scope of the session ended."""

    told: Literal["yes", "no", "failed"]
    """Whether the back end was told so; no: it lets the session expire."""


class SignsInEachTime(BackendEvent, frozen=True):
    """The back end knows nobody by a cookie, so the credentials go with each call."""


class PrincipalIgnored(BackendEvent, frozen=True):
    """Somebody called in the session of another principal, with `identity="first"`."""

    ignored: str
    """Who called."""


class StoreAway(BackendEvent, frozen=True):
    """The store of held sessions cannot be used, so this node goes on alone; told once, until it can."""

    reason: str


class CallSent(BackendEvent, Detail, frozen=True):
    """A request went out: of the application's, or of a negotiation's own."""

    method: str
    url: str
    """Without the query, and the parameters of its path."""
    cookies: tuple[tuple[str, str], ...]
    """Names and keyed hashes of the values, in the order in which they were sent; nothing for an empty value."""
    credentials: bool
    token: bool


class CallAnswered(BackendEvent, Detail, frozen=True):
    """It was answered."""

    status: int
    cookies: tuple[tuple[str, str], ...]
    """Names and keyed hashes of the values that were set."""
