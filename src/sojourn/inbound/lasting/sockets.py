"""Sockets: how a connection that lasts and its session keep step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sojourn.core.lifetime import GRACE
from sojourn.errors import SettingError

__all__ = ["Sockets", "Uses"]

Uses = Literal["traffic", "received", "open"]
"""What of a connection is a use of its session."""

_LONGEST = GRACE / 2  # so that an id that was renewed elsewhere is followed before the old one leads nowhere
_NORMAL, _PRIVATE = 1000, range(3000, 5000)  # RFC 6455 §7.4: what an application may close with


@dataclass(frozen=True, kw_only=True)
class Sockets:
    """What becomes of open WebSockets, and streams of server-sent events, of a session. Raises `SettingError`.

    It concerns connections that have looked at their session; with `touch="always"`, all that carry one.
    """

    close_code: int = 4401
    """What a WebSocket is closed with when its session ends: private (RFC 6455 §7.4.2), and like 401 for a client that
    is to let its visitor sign in. A stream just ends; the browser comes again, and is told what others are told."""
    check: float = 5.0
    """Seconds between two looks whether it has: for as long, who was signed out elsewhere may still be served. A look
    that a near cache can answer costs some microseconds, any other one a load. 30 at most."""
    uses: Uses = "traffic"
    """What keeps the session from expiring: messages, whichever way they go, so that nobody is signed out in the middle
    of something; only those that are `"received"`, where a page that is merely watched is to be no use; or that it is
    `"open"`."""

    def __post_init__(self) -> None:
        if self.close_code != _NORMAL and self.close_code not in _PRIVATE:
            raise SettingError(f"Sockets(close_code={self.close_code!r}): give 1000, or a code from 3000 to 4999")
        if not 0 < self.check <= _LONGEST:
            raise SettingError(f"Sockets(check={self.check!r}): give seconds, {_LONGEST:g} at most")
        if self.uses not in get_args(Uses):
            raise SettingError(f"Sockets(uses={self.uses!r}): give {' or '.join(map(repr, get_args(Uses)))}")
