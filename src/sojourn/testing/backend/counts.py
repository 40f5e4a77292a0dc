"""What a fake back end tells of itself: counts, and each order and request."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Counts", "Order", "Seen"]


class Counts(Struct, frozen=True, kw_only=True):
    """All that has happened at the back end since it began, or was last reset."""

    requests: int = 0
    faults: int = 0
    """Answers 500 because the back end itself is wrong; its log has the traceback."""
    sign_ins: int = 0
    """Credentials that were checked and right: by Basic, form or bearer token."""
    sign_ins_refused: int = 0
    challenges: int = 0
    """Requests that were told to sign in: 401, a redirect to the form, or the form."""
    access_tokens: int = 0
    """Those that `/oauth/token` issued."""
    csrf_tokens: int = 0
    """Answers that told a token against CSRF."""
    csrf_refused: int = 0
    sessions_made: int = 0
    """Sessions of users; those of visitors who have not signed in are counted apart."""
    sessions_live: int = 0
    sessions_closed: int = 0
    """By their client: `/logout`, the header that says it, or a sign-in that put another in their place."""
    sessions_expired: int = 0
    sessions_forgotten: int = 0
    """By a fault, or because a test said so."""
    sessions_refused: int = 0
    """Sign-ins of users that had as many sessions as one may have."""
    most_live: int = 0
    """Sessions of users that were live at once."""
    visitors: int = 0
    """Sessions of nobody, which the form needs."""
    orders: int = 0
    duplicates: int = 0
    """Orders by a user, a method and a path with the body of an earlier one."""
    crossings: int = 0
    """Requests in the session, or with the credentials, of another user than the one that they name themselves: in
    `X-Who`, or as `who` in a body of JSON."""
    mixed: int = 0
    """Requests with the session of one user and the credentials of another."""
    doubled: int = 0
    """Requests with more than one Cookie header, or with several session cookies (RFC 6265bis §5.8.1)."""
    most_parallel: int = 0
    """Requests of one session that were served at once."""
    parallel_refused: int = 0
    by_user: dict[str, int] = {}
    """Requests that were let in, by user."""
    by_session: dict[int, int] = {}
    """The same by session, of those still live."""


class Order(Struct, frozen=True, kw_only=True):
    """One effect: what came to `/orders` with a method that is not safe, and was let in."""

    number: int
    """From 1 on."""
    method: str
    path: str
    body: str
    """As text; bytes that are no UTF-8 are replaced."""
    user: str
    session: int | None
    """The number of the session, which is no secret; None where there are none."""


class Seen(Struct, frozen=True, kw_only=True):
    """One request as the back end saw it. Neither an id nor credentials are in it."""

    number: int
    """From 1 on, in the order in which they were answered."""
    method: str
    path: str
    status: int
    user: str | None
    """None: it was not let in."""
    session: int | None
    made_session: bool
    credentials: Literal["basic", "bearer", "other"] | None
    """What the Authorization header held."""
    cookies: tuple[str, ...] | None
    """Names of the cookies, in their order; "" for one without a name. None: there was no Cookie header."""
