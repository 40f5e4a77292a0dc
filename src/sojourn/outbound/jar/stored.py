"""A cookie as it is stored, and what may be told of it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

__all__ = ["Fact", "SameSite", "Stored"]

_SENDABLE = re.compile(r"[\t\x20-\x7E\x80-\xFF]*")  # RFC 6265bis §5.7, step 3

SameSite: TypeAlias = Literal["Strict", "Lax", "None", "Default"]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What a log may hold of a cookie: all but its value. Times are seconds since 1970."""

    name: str
    domain: str
    path: str
    host_only: bool
    """Whether it goes to this host alone, and not to those below it."""
    secure: bool
    http_only: bool
    same_site: SameSite
    created_at: float
    expires_at: float
    """`math.inf` where it lives as long as the session."""
    digest: Callable[[bytes], str]
    """Of the value, with a key: 16 hexadecimal digits, equal for equal values, which tell nothing without the key."""

    def __repr__(self) -> str:
        return f"<Fact {self.name!r} for {self.domain}{self.path}>"


class Stored(msgspec.Struct, array_like=True, kw_only=True):
    """The fields of RFC 6265bis §5.7. Text holds the octets as they came, one character each (latin-1).

    Only `accessed_at` changes: a cookie that is set anew is another one in the same place.
    """

    name: str
    value: str
    domain: str
    path: str
    host_only: bool
    secure: bool
    http_only: bool
    same_site: SameSite
    created_at: float
    expires_at: float  # inf: for as long as the session lives
    accessed_at: float
    order: int = 0  # of creation, whatever the clock said

    def __repr__(self) -> str:
        return f"<Stored {self.name!r} for {self.domain}{self.path}>"  # the value is secret

    @property
    def place(self) -> tuple[str, str, bool]:
        """What tells it from the others of its domain: the name may be there once for each path."""
        return self.name, self.path, self.host_only

    @property
    def sendable(self) -> bool:
        """Whether name and value can be in a header: always, when it was received."""
        return _SENDABLE.fullmatch(self.name) is not None and _SENDABLE.fullmatch(self.value) is not None

    def says(self, other: Stored) -> bool:
        """Whether the other, in the same place, holds the same."""
        return (
            self.value == other.value
            and self.expires_at == other.expires_at
            and self.secure == other.secure
            and self.http_only == other.http_only
            and self.same_site == other.same_site
        )

    def fact(self) -> Fact:
        """What may be told of it."""
        return Fact(
            name=self.name,
            domain=self.domain,
            path=self.path,
            host_only=self.host_only,
            secure=self.secure,
            http_only=self.http_only,
            same_site=self.same_site,
            created_at=self.created_at,
            expires_at=self.expires_at,
            digest=self.digest,
        )

    def digest(self, key: bytes) -> str:
        """As `Fact.digest`."""
        return hmac.digest(key, self.value.encode("latin-1"), "sha256").hex()[:16]
