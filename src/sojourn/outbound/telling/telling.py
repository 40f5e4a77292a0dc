"""Telling: what happens in negotiations, to listeners, and to the log at DEBUG."""

from __future__ import annotations

import hmac
import logging
from typing import Any, Literal, TypeVar

import msgspec

from sojourn.core.events import Event, Listener, Listeners
from sojourn.errors import SettingError
from sojourn.outbound.events import (
    BackendEvent,
    CallAnswered,
    CallSent,
    CredentialsRefused,
    PrincipalIgnored,
    SessionAdopted,
    SessionClosed,
    SessionForgotten,
    SignedIn,
    SignsInEachTime,
    StoreAway,
    TokenFetched,
    TokenMissing,
)
from sojourn.outbound.keeping.place import Place
from sojourn.outbound.keeping.session import BackendSession
from sojourn.outbound.messages import Call, Request, Response, shown

__all__ = ["Telling"]

E = TypeVar("E", bound=BackendEvent)

_log = logging.getLogger("sojourn.outbound")


class Telling:
    """Tells of one back end. What nobody wants to know is not even put together."""

    __slots__ = ("_key", "_listeners", "_origin")

    def __init__(self, origin: str, key: bytes) -> None:
        """`origin`: the back end's. `key`: of the hashes by which cookies are told apart."""
        self._origin = origin.removesuffix("/")
        self._key = key
        self._listeners = Listeners()

    def listen(self, listener: Listener, *kinds: type[BackendEvent]) -> None:
        """As `Sessions.listen`."""
        told = all(isinstance(kind, type) and (issubclass(kind, BackendEvent) or kind is Event) for kind in kinds)
        if not callable(listener) or not told:
            raise SettingError("backend.listen(…): give what is called with events, then kinds of outbound.events")
        self._listeners.add(listener, kinds)

    def sent(
        self,
        place: Place,
        session: BackendSession,
        request: Call | Request,
        cookie: str | None,
        *,
        credentials: bool = False,
        token: bool = False,
    ) -> None:
        """A request goes out with this Cookie header; and with what else is secret."""
        if self._detailed:
            self._tell(
                CallSent,
                place,
                session,
                method=request.method,
                url=shown(request.url),
                cookies=tuple(map(self._hashed, cookie.split("; "))) if cookie else (),
                credentials=credentials,
                token=token,
            )

    def answered(self, place: Place, session: BackendSession, response: Response) -> None:
        """It was answered."""
        if self._detailed:
            lines = response.all("set-cookie")
            cookies = tuple(self._hashed(line.partition(";")[0].strip(" \t")) for line in lines)
            self._tell(CallAnswered, place, session, status=response.status, cookies=cookies)

    def began(self, place: Place, session: BackendSession, seconds: float) -> None:
        """A session was signed in, which took so long."""
        if _is_one(place, session):
            self._tell(SignedIn, place, session, seconds=seconds)

    def adopted(self, place: Place, session: BackendSession) -> None:
        """It was begun by another node."""
        self._tell(SessionAdopted, place, session)

    def fetched(self, place: Place, session: BackendSession, token: str | None) -> None:
        """It has a token; None: it was asked for, and not given."""
        if token:
            self._tell(TokenFetched, place, session)
        else:
            self._tell(TokenMissing, place, session, level=logging.WARNING)

    def forgotten(self, place: Place, session: BackendSession, *, again: bool) -> None:
        """The back end has forgotten it. `again`: the call is sent once more."""
        self._tell(SessionForgotten, place, session, again=again)

    def closed(self, place: Place, session: BackendSession, told: Literal["yes", "no", "failed"]) -> None:
        """Its scope has ended."""
        level = logging.WARNING if told == "failed" else logging.DEBUG
        if _is_one(place, session):
            self._tell(SessionClosed, place, session, level=level, told=told)

    def refused(self, place: Place, session: BackendSession) -> None:
        """The credentials are refused."""
        self._tell(CredentialsRefused, place, session, level=logging.WARNING)

    def signs_in_each_time(self, place: Place, session: BackendSession) -> None:
        """The back end keeps no session."""
        if not place.told_to_sign_always:
            place.told_to_sign_always = True
            self._tell(SignsInEachTime, place, session, level=logging.WARNING)

    def ignored(self, place: Place, session: BackendSession | None, ignored: str) -> None:
        """Another principal called, and the first one's session is used."""
        self._tell(PrincipalIgnored, place, session, level=logging.WARNING, ignored=ignored)

    def alone(self, place: Place, session: BackendSession | None, reason: str) -> None:
        """The store of the fleet cannot be used."""
        self._tell(StoreAway, place, session, level=logging.WARNING, reason=reason)

    @property
    def _detailed(self) -> bool:
        return self._listeners.details or _log.isEnabledFor(logging.DEBUG)

    def _hashed(self, pair: str) -> tuple[str, str]:
        name, equals, value = pair.partition("=")
        if not equals:
            name, value = "", pair
        secret = value.strip(" \t").encode("latin-1", "replace")
        return name.strip(" \t"), hmac.digest(self._key, secret, "sha256").hex()[:16] if secret else ""

    def _tell(
        self,
        kind: type[E],
        place: Place,
        session: BackendSession | None,
        *,
        level: int = logging.DEBUG,
        **more: Any,
    ) -> None:
        if not self._listeners and not _log.isEnabledFor(level):
            return
        ref = session.ref if session is not None else ""
        event = kind(app=self._origin, ref=ref, principal=place.identity or None, **more)
        if _log.isEnabledFor(level):
            told = {"event": kind.__name__, **msgspec.structs.asdict(event)}
            _log.log(level, "%s", msgspec.json.encode(told).decode(), extra={"sojourn": told})
        self._listeners.tell(event)


def _is_one(place: Place, session: BackendSession) -> bool:
    """Whether the back end knows somebody by it: not whom nobody signs in, and who got no cookie."""
    return place.auth is not None or len(session.jar) > 0
