"""Auth: who a back end is to see, and how they sign in."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Protocol, TypeAlias

from sojourn.outbound.messages import Request, Response, Wait

__all__ = ["Auth", "Credentials", "SigningIn"]

Credentials: TypeAlias = "Mapping[str, str]"
"""Headers that prove who it is, by name. They go with the first call only, and to the origin of the back end alone."""

SigningIn: TypeAlias = "Generator[Request | Wait, Any, Credentials]"
"""Is sent a `Response` for each `Request`, and nothing for a `Wait`."""


class Auth(Protocol):
    """How one principal signs in. What it holds is secret, so its repr shows the identity alone."""

    @property
    def identity(self) -> str:
        """Who it is, for logs and events: a user name, the id of a client. Not a secret."""

    @property
    def secret(self) -> bytes:
        """All that it proves itself with. Of equal identity and secret, two share a session; others never do."""

    def sign_in(self, url: str, now: float) -> SigningIn:
        """Sign in at the back end at `url`, at `now` (seconds since 1970), before the first call of a session.

        Yields the requests that it takes, each of which is sent with the cookies that the ones before it were given,
        and is sent their answers, redirects among them; and a `Wait` where another sign-in brings what this one needs.
        Returns what the first call is to carry besides: nothing, where signing in was done by these requests. Raises
        `SignInFailed`.
        """

    def refuses(self, response: Response) -> bool:
        """Whether this answer to a call says that nobody is signed in, so that the call was not processed.

        The body is there if `reads` asked for it.
        """

    def reads(self, response: Response) -> bool:
        """Whether only the body of this answer tells."""

    def forget(self, credentials: Credentials) -> bool:
        """These were refused: drop them, where they are kept. Whether another sign-in can bring others."""
