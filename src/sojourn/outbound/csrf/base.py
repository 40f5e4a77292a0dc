"""Csrf: the tokens by which a back end knows that a call that changes something was meant."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Protocol, TypeAlias

from sojourn.outbound.messages import Call, Request, Response

__all__ = ["Cookies", "Csrf", "Fetching"]

Cookies: TypeAlias = "Callable[[str], str | None]"
"""The value of the cookie of that name in the session of the call."""

Fetching: TypeAlias = "Generator[Request, Response, str | None]"


class Csrf(Protocol):
    """A dialect. Holds no token: that is part of a session, as the cookies that it is bound to."""

    def fetch(self, url: str, call: Call, cookies: Cookies, stale: str | None = None) -> Fetching:
        """Fetch a token for `call` at the back end at `url`; `stale`: the one that was refused, if one was.

        Yields the requests that it takes, each sent with the cookies of the session (and with credentials, where the
        session begins with it), and is sent their answers. Returns the token; None where the back end gives none, and
        `stale` itself where it gives the same once more.
        """

    def headers(self, token: str, call: Call) -> Mapping[str, str]:
        """What a call carries with this token. Nothing that the application has set itself is replaced."""

    def seen(self, call: Call, response: Response, cookies: Cookies) -> str | None:
        """A token that came with the answer to a call, as one fetched by the application; None where none did."""

    def refuses(self, response: Response) -> bool:
        """Whether this answer says that the token was missing or stale, so that the call was not processed."""
