"""Credentials that go in the Authorization header of the first call: a password, a token, or what was set by hand."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from sojourn.errors import SettingError, SignInFailed
from sojourn.outbound.auth.base import Auth, SigningIn
from sojourn.outbound.auth.proof import Proof, checked_identity
from sojourn.outbound.visiting.syntax import is_identity, is_token

__all__ = ["Basic", "Bearer", "Given", "checked_auth"]

_BEARER = "Bearer"
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")  # RFC 9110 §5.5
_SCHEMES = {name.lower(): name for name in ("Basic", _BEARER, "Digest", "DPoP", "Negotiate", "NTLM", "OAuth", "Token")}


@dataclass(frozen=True, eq=False, repr=False)
class Basic(Proof):
    """A user and a password (RFC 7617), in UTF-8. The user is shown in logs: do not put a key there."""

    user: str
    """Without a colon; may be empty."""
    password: str

    def __post_init__(self) -> None:
        for name, text in (("user", self.user), ("password", self.password)):
            if not isinstance(text, str) or _CONTROLS.search(text):
                raise SettingError(f"Basic({name}): give text without control characters, as RFC 7617 asks for")
        if ":" in self.user:
            raise SettingError("Basic(user): give a user without a colon, which is where the password begins")

    @cached_property
    def identity(self) -> str:
        return _composed(self.user)

    @cached_property  # asked for with each call
    def secret(self) -> bytes:
        return self._value().encode()

    def sign_in(self, url: str, now: float) -> SigningIn:  # noqa: ARG002 – the same anywhere, at any time
        yield from ()
        return {"Authorization": self._value()}

    def _value(self) -> str:
        pair = f"{_composed(self.user)}:{_composed(self.password)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"


class Bearer(Proof):
    """A bearer token (RFC 6750): text, or a callable that returns the one that is valid now.

    A callable needs an `identity`, by which its session is told from those of others: each of its tokens is to be of
    that one principal. It is called when a session begins, on the way of a call: it must return at once.
    """

    __slots__ = ("_identity", "_token")

    def __init__(self, token: str | Callable[[], str], *, identity: str = _BEARER) -> None:
        """`identity`: for logs. Raises `SettingError` for what cannot be sent."""
        if not callable(token) and not is_token(token):
            raise SettingError("Bearer(token): give visible ASCII without blanks, or a callable that returns such")
        if callable(token) and identity == _BEARER:
            raise SettingError("Bearer(token): with a callable, give identity= too: its session is told by that alone")
        self._token = token
        self._identity = checked_identity(identity, "Bearer(identity)")

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def secret(self) -> bytes:
        return b"Bearer" if callable(self._token) else f"Bearer {self._token}".encode()

    def sign_in(self, url: str, now: float) -> SigningIn:  # noqa: ARG002 – the same anywhere, at any time
        yield from ()
        token = self._token() if callable(self._token) else self._token
        if not is_token(token):
            raise SignInFailed(f"{self!r}: what its callable returned is no token: visible ASCII without blanks")
        return {"Authorization": f"Bearer {token}"}


@dataclass(frozen=True, eq=False, repr=False)
class Given(Proof):
    """What an `Authorization` header that was set by hand stands for: each value has a session of its own."""

    value: str

    def __post_init__(self) -> None:
        if not self.value or _UNSENDABLE.search(self.value):
            raise SettingError("Authorization: give text without control characters, as a header can hold")

    @property
    def identity(self) -> str:
        """The user, where the value tells one; else the scheme alone, since all the rest may be secret."""
        scheme, blank, rest = self.value.partition(" ")
        known = _SCHEMES.get(scheme.lower(), "") if blank else ""
        return (_user(rest) if known == "Basic" else "") or known or "Authorization"

    @property
    def secret(self) -> bytes:
        return self.value.encode()

    def sign_in(self, url: str, now: float) -> SigningIn:  # noqa: ARG002 – the same anywhere, at any time
        yield from ()
        return {"Authorization": self.value}


def checked_auth(given: object, where: str) -> Auth | None:
    """Who signs in: a pair of user and password is `Basic`; None: nobody. Raises `SettingError`.

    `where`: what asks for it, as in `Backend(auth)`.
    """
    if isinstance(given, tuple) and len(given) == 2:
        return Basic(*given)
    if given is None or (not isinstance(given, type) and callable(getattr(given, "sign_in", None))):
        return cast("Auth | None", given)
    raise SettingError(f"{where}: give a pair (user, password), or what signs in, such as Bearer(…) or Form(…)")


def _user(credentials: str) -> str:
    try:
        user, colon, _ = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return user if colon and is_identity(user) else ""


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)  # RFC 7617 §2.1
