"""Rules: how calls to one back end go."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from sojourn.core.lifetime import Clock
from sojourn.outbound.closing import Closing
from sojourn.outbound.csrf.base import Csrf
from sojourn.outbound.jar import Jar
from sojourn.outbound.keeping.gate import Gate, Pace
from sojourn.outbound.keeping.place import Place
from sojourn.outbound.keeping.session import BackendSession
from sojourn.outbound.messages import Response

__all__ = ["Rules", "Trace"]


class Trace(Protocol):
    """Is told what happens in a negotiation, as it happens. Called on the way of a call: it must be quick."""

    def sent(
        self, place: Place, session: BackendSession, method: str, url: str, headers: Mapping[str, str | None]
    ) -> None:
        """A request goes out with these headers of ours."""

    def answered(self, place: Place, session: BackendSession, response: Response) -> None:
        """It was answered."""

    def began(self, place: Place, session: BackendSession) -> None:
        """A session was signed in."""

    def fetched(self, place: Place, session: BackendSession) -> None:
        """It has a token."""

    def lost(self, place: Place, session: BackendSession, *, again: bool) -> None:
        """The back end has forgotten it. `again`: whether the call is sent once more."""

    def ended(self, place: Place, session: BackendSession) -> None:
        """Its scope has ended, and the back end was told so, if it is to be told."""

    def signs_always(self, place: Place) -> None:
        """The back end keeps no session: credentials go with each call."""

    def ignored(self, place: Place, identity: str) -> None:
        """Another principal called, and the first one's session was used."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What was set for a back end, as a negotiation needs it."""

    url: str
    """Of the back end; ends with a slash."""
    origin: str
    """Scheme, host and port of it, and a slash: whose URLs begin otherwise gets no credentials and no token."""
    shares: Callable[[str], bool]
    """Whether the cookies of the session are for this URL, too, of another origin."""
    new_jar: Callable[[], Jar]
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
    gate: Gate | None
    """For calls."""
    pace: Pace | None
    patience: float
    """Seconds that a call waits for room."""
    trace: Trace | None

    def own(self, url: str) -> bool:
        """Whether it is of the back end itself."""
        return url.startswith(self.origin)
