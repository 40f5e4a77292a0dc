"""Request: what of a request tells whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Request", "RequestDefaults"]


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

    @property
    def told_later(self) -> bool:
        """Whether the application finds out itself whose it is, so that the session waits for that."""
        ...

    @property
    def parameters(self) -> Sequence[tuple[str, str]]:
        """What `Rewriting.take_out` found in the path, before the application routed by it."""
        ...

    @property
    def scheme(self) -> str:
        """`"http"` or `"https"`, as the visitor sees it and the server tells; "" where that is not known."""
        ...

    @property
    def mount(self) -> str:
        """The path that the application is mounted at, "" for the root."""
        ...

    @property
    def peer(self) -> str | None:
        """The IP address of whoever is connected to the server, a proxy's too; None for a Unix socket."""
        ...

    @property
    def certificates(self) -> Sequence[str]:
        """What the client showed to the server itself, and was verified, as PEM: its own, then the chain."""
        ...


class RequestDefaults:
    """What a side inherits that cannot tell everything: cookies need none of it, and nothing of it opens anything."""

    __slots__ = ()

    @property
    def user(self) -> str | None:
        """As `Request`."""
        return None

    @property
    def told_later(self) -> bool:
        """As `Request`."""
        return False

    @property
    def parameters(self) -> Sequence[tuple[str, str]]:
        """As `Request`."""
        return ()

    @property
    def scheme(self) -> str:
        """As `Request`."""
        return ""

    @property
    def mount(self) -> str:
        """As `Request`."""
        return ""

    @property
    def peer(self) -> str | None:
        """As `Request`; "" for one that is not known."""
        return ""

    @property
    def certificates(self) -> Sequence[str]:
        """As `Request`."""
        return ()
