"""Request: what of a request tells whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Request"]


class Request(Protocol):
    """A request, as far as sessions look at it; each framework's side shows its own in this way."""

    @property
    def method(self) -> str:
        """In upper case."""
        ...

    @property
    def path(self) -> str:
        """As the server decoded it."""
        ...

    @property
    def cookies(self) -> Sequence[bytes]:
        """The values of its Cookie headers."""
        ...

    def header(self, name: bytes) -> list[bytes]:
        """The values of the headers of that name, which is given in lower case."""
        ...

    @property
    def user(self) -> str | None:
        """Whose it is, as the server or what is outside of the sessions has found out: `REMOTE_USER` and its kin."""
        ...
