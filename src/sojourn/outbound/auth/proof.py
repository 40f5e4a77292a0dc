"""Proof: what the ways of signing in have in common: equal if identity and secret are, and silent about the secret."""

from __future__ import annotations

from abc import ABC, abstractmethod

import msgspec

from sojourn.errors import SettingError
from sojourn.outbound.auth.base import Credentials
from sojourn.outbound.messages import Response
from sojourn.outbound.visiting.syntax import is_identity

__all__ = ["Proof", "checked_identity", "secret_of"]


class Proof(ABC):
    """Says who one is, and holds what proves it. A 401 says that nobody is signed in, and nothing is kept."""

    __slots__ = ()

    @property
    @abstractmethod
    def identity(self) -> str:
        """Who it is; not a secret."""

    @property
    @abstractmethod
    def secret(self) -> bytes:
        """All that it proves itself with."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proof) and (self.identity, self.secret) == (other.identity, other.secret)

    def __hash__(self) -> int:
        return hash((self.identity, self.secret))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(identity={self.identity!r})"

    def refuses(self, response: Response) -> bool:
        return response.status == 401

    def reads(self, response: Response) -> bool:  # noqa: ARG002 – the status tells
        return False

    def forget(self, credentials: Credentials) -> bool:  # noqa: ARG002 – always the same
        return False


def checked_identity(identity: object, where: str) -> str:
    """The identity, if logs can show it; `where`: what asks, as in `Bearer(identity)`. Raises `SettingError`."""
    if isinstance(identity, str) and is_identity(identity):
        return identity
    raise SettingError(f"{where}: give a name that logs can show: one line of 256 characters at most, not a secret")


def secret_of(*parts: object) -> bytes:
    """The parts as one, so that other parts never make the same."""
    return msgspec.json.encode(parts)
