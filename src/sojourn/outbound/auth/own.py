"""SignInWith: a way of signing in that somebody else wrote."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias

from sojourn.errors import SettingError, SignInFailed
from sojourn.outbound.auth.base import SigningIn
from sojourn.outbound.auth.proof import Proof, checked_identity
from sojourn.outbound.messages import Response
from sojourn.outbound.visiting.syntax import is_name, is_value

__all__ = ["SignInWith"]

Judgement: TypeAlias = "Callable[[Response], bool]"


class SignInWith(Proof):
    """Signs in with a generator function of your own.

    It is called with the URL of the back end and the time (seconds since 1970). It yields each `Request` that it takes,
    is sent the `Response`, and returns the headers that the first call is to carry: none, if its requests did it all.
    It raises `SignInFailed`. It does no I/O, so it works for async and sync clients alike.
    """

    __slots__ = ("_function", "_identity", "_reads", "_refuses", "_secret")

    def __init__(
        self,
        function: Callable[[str, float], Any],
        *,
        identity: str,
        secret: str | bytes,
        refuses: Judgement | None = None,
        reads: Judgement | None = None,
    ) -> None:
        """Say how one signs in, and who.

        Args:
            function: As above.
            identity: Who it is, for logs; not a secret.
            secret: All that it proves itself with: who has another one gets another session.
            refuses: Tells an answer to a call that says that nobody is signed in; None: a 401 does.
            reads: Whether `refuses` needs the body of an answer; None: of none.

        Raises:
            SettingError: One of these cannot be used.
        """
        if not callable(function):
            raise SettingError("SignInWith(function): give a generator function that takes a URL and a time")
        for name, judgement in (("refuses", refuses), ("reads", reads)):
            if judgement is not None and not callable(judgement):
                raise SettingError(f"SignInWith({name}): give a function that takes a Response, or None")
        if not isinstance(secret, str | bytes) or not secret:
            raise SettingError(
                "SignInWith(secret): give what it proves itself with, so that no other shares its session"
            )
        self._function = function
        self._identity = checked_identity(identity, "SignInWith(identity)")
        self._secret = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
        self._refuses = refuses
        self._reads = reads

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def secret(self) -> bytes:
        return b"own " + self._secret

    def sign_in(self, url: str, now: float) -> SigningIn:
        steps = self._function(url, now)
        if not isinstance(steps, Generator):
            raise SignInFailed(
                f"{self!r}: its function returned a {type(steps).__name__}; write a generator function, with `yield`"
            )
        headers = yield from steps
        if not isinstance(headers or {}, Mapping):
            raise SignInFailed(
                f"{self!r}: its function returned a {type(headers).__name__}; return headers, or nothing"
            )
        credentials = dict(headers or {})
        if not all(is_name(name) and is_value(value) for name, value in credentials.items()):
            raise SignInFailed(f"{self!r}: its function returned headers that cannot be sent; return visible ASCII")
        return credentials

    def refuses(self, response: Response) -> bool:
        return super().refuses(response) if self._refuses is None else self._refuses(response)

    def reads(self, response: Response) -> bool:
        return self._reads is not None and self._reads(response)
