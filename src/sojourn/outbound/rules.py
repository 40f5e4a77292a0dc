"""Rules: how calls to one back end go."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from sojourn.core.lifetime import Clock
from sojourn.errors import SettingError
from sojourn.outbound.closing import Closing
from sojourn.outbound.csrf.base import Csrf
from sojourn.outbound.jar import Jar
from sojourn.outbound.keeping.gate import Gate, Pace
from sojourn.outbound.keeping.place import Place
from sojourn.outbound.messages import Response
from sojourn.outbound.telling import Telling
from sojourn.outbound.visiting.addresses import origin

if TYPE_CHECKING:
    from sojourn.outbound.fleet import Fleet

__all__ = ["Rules"]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What was set for a back end, as a negotiation needs it."""

    url: str
    """Of the back end; ends with a slash."""
    origin: str
    """Scheme, host and port of it, and a slash: whose URLs begin otherwise gets no credentials and no token."""
    shares: Callable[[str], bool]
    """Whether the cookies of the session are for this URL, too, of another origin."""
    jar: Jar
    """What those of sessions are like."""
    clock: Clock
    csrf: Csrf | None
    lost: Callable[[Response], bool] | None
    """A rule of the user's that tells an answer to a session that is gone."""
    stateful: bool
    sequential: bool
    idle: float
    """Seconds without a call after which the back end has forgotten a session, or soon will have."""
    session_cookie: re.Pattern[str]
    """The names of cookies that name a session: in a stateful exchange they must not be replaced."""
    closing: Closing | None
    room: Gate | None
    """For sessions."""
    spare: Callable[[], Place | None]
    """The place of a session that nobody uses just now, of those that outlive an exchange."""
    gate: Gate | None
    """For calls."""
    pace: Pace | None
    patience: float
    """Seconds that a call waits for room."""
    telling: Telling
    fleet: Fleet | None
    """With whom sessions are shared; None: with nobody."""

    def __post_init__(self) -> None:
        """Raise `SettingError` for what would fail at some call only, or in silence."""
        for fits, advice in (
            (_is(self.csrf, "fetch"), "csrf=…): give True for SAP's tokens, or a dialect such as MetaTag('/')"),
            (_is(self.closing, "request"), "closing=…): give Logout('logout'), LastCall(), or None to let it expire"),
            (isinstance(self.jar, Jar), "jar=…): give Jar(domains=…), or with another of its settings, or None"),
            (self.lost is None or callable(self.lost), "lost=…): give a function that takes a Response, or None"),
            (callable(self.clock), "clock=…): give a function that returns seconds since 1970"),
            (isinstance(self.idle, int | float) and self.idle > 0, "idle=…): give a number of seconds above 0"),
        ):
            if not fits:
                raise SettingError(f"Backend({advice}")

    def own(self, url: str) -> bool:
        """Whether it is of the back end itself."""
        return url.startswith(self.origin) or f"{origin(url)}/" == self.origin  # it may name the usual port


def _is(given: object, method: str) -> bool:
    """Whether it is something that has this method, and no class; or nothing."""
    return given is None or (not isinstance(given, type) and callable(getattr(given, method, None)))
