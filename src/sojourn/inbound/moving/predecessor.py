"""Predecessor: the sessions of another library, as far as it takes to go on with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec

from sojourn.core.cookies import Cookie

__all__ = ["Found", "Predecessor"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A session of another library."""

    attributes: Mapping[str, Any]
    """What it held. What cannot be stored here is left behind, and logged by its name."""
    principal: str | None = None
    """Who was signed in, where that can be told."""


@runtime_checkable
class Predecessor(Protocol):
    """Where the sessions of another library are, for `Sessions(takes_over=[…])`.

    A visitor who comes with the other's cookie, and with none of ours, gets what the other kept of them: `identify`
    tells what the session is called there, `read` brings it, it is stored here, and `remove` forgets it there. With the
    next answer that depends on the session the visitor gets an id of ours, and the other's cookie is cleared.

    To write one:

    - `name` tells it from others: a constant, for what it calls a session is hashed together with it.
    - `cookie` is as the other library sets it: its name, path and domain are what a browser goes by when it is cleared.
    - `identify` says what names one session and nothing else. It is called for every such cookie, so it only looks and
      computes: it checks a signature, length and alphabet, and returns None for what cannot be a session. All requests
      of a visitor must get the same answer, for they are to get the same session; where the cookie itself is the
      session, as a signed one is, that is its value.
    - `read` and `remove` may wait; what blocks is for `asyncio.to_thread`. They may be called twice, also at the same
      time. `read` returns None for what is absent, has expired, or is in a format that cannot be read. Whoever reads
      bytes takes formats alone that cannot run code: never pickle. What they raise is logged, and the visitor is asked
      to come again (`StoreUnavailable`); nobody is shown as signed out because a server is away.
    - `remove` does nothing where the other library is to keep it: then a cookie that somebody has kept opens it again,
      until it expires there.
    """

    @property
    def name(self) -> str:
        """A word that is its own."""
        ...

    @property
    def cookie(self) -> Cookie:
        """What its visitors carry."""
        ...

    def identify(self, value: bytes) -> str | None:
        """What the session is called that a cookie of this value leads to; None when it can be none."""
        ...

    async def read(self, identity: str) -> Found | None:
        """The live session of that name, or None."""
        ...

    async def remove(self, identity: str) -> None:
        """Forget it, now that it is stored here."""
        ...
