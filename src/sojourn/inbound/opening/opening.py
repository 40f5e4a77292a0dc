"""Opening: how the session of a request is found."""

from __future__ import annotations

from abc import abstractmethod
from typing import cast

from sojourn.core import events
from sojourn.core.cookies import Cookie
from sojourn.core.events import Listeners
from sojourn.core.ids import SessionId
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.core.session import Session, Stage
from sojourn.inbound.ending import Endings, Sweeper
from sojourn.inbound.keeping.keeper import Keeper
from sojourn.inbound.moving.takeover import Takeover
from sojourn.inbound.opening.owners import Owners
from sojourn.inbound.sharing import Everywhere
from sojourn.inbound.tracking.cookies import CookieTracking
from sojourn.inbound.tracking.request import Request
from sojourn.inbound.tracking.track import RequestTrack
from sojourn.inbound.tracking.ways import Found, Ways
from sojourn.store.base import Recalls, Store

__all__ = ["Opening"]

CANDIDATES = 4  # ids of one request that are looked up, when their name lets others plant some


class Opening:
    """That part of `Sessions`: from what a request carries to the session that it has."""

    cookie: Cookie
    keeper: Keeper
    store: Store
    _app: str
    _clock: Clock
    _endings: Endings
    _everywhere: Everywhere | None
    _held: set[int]
    _kind: type[Session]
    _listeners: Listeners
    _name: bytes
    _owners: Owners | None
    _recalls: Recalls | None
    _skip: tuple[str, ...]
    _sweeper: Sweeper | None
    _takeover: Takeover | None
    _tracking: CookieTracking
    _ways: Ways | None

    @abstractmethod
    def close_session(self, session: Session) -> None:
        """Refuse further use: its request is over. Announces what could not be read."""

    def recall(self, request: Request) -> Session | None:
        """The session of a request for which nobody has to be asked; None when it has to be opened.

        Nobody is asked where there is no session, and where a copy is at hand that is as new as what the visitor has
        seen. Any thread may call it.
        """
        if self._ways is not None:
            return self._recall_by(self._ways, request)
        if self._skip and request.path.startswith(self._skip):
            return self._skipped()
        headers = request.cookies
        if self._recalls is not None and (carried := self._tracking.glance(headers)) is not None:
            given, route, told = carried
            record = self._recalls.recall(given.key, self._app, told)
            if record is None:
                return None
            session = self._begin(record, given, told, route)
        else:
            for header in headers:
                if self._name in header:
                    return None
            if self._takeover is not None and self._takeover.concerns(headers):
                return None
            session = self._kind(None, self._clock(), self.keeper)
        return session if self._owners is None else self._admitted(session, request, self._owners)

    async def load(self, given: SessionId | None) -> Session:
        """The session of an id, or a new one: for frameworks that track ids themselves, and tell of no request's end.

        Raises `StoreUnavailable`.
        """
        if self._sweeper is not None:
            self._sweeper.start()
        record = None if given is None else await self.store.load(given.key, self._app)
        return self._kind(record, self._clock(), self.keeper, given=given)

    async def open(self, request: Request) -> Session:
        """The session of a request. Raises `StoreUnavailable`.

        Asks the store only when the request carries an id that can be ours.
        """
        if self._sweeper is not None:
            self._sweeper.start()
        session = await (self._found(request) if self._ways is None else self._found_by(self._ways, request))
        if self._owners is None or self._admits(session, request, self._owners):
            return session
        return await self._instead(session, request, self._owners)

    async def identify(self, session: Session, request: Request) -> Session:
        """The session that a request may have of which it is known only now whose it is."""
        session.accept()
        if self._owners is None or session.stage is Stage.SKIPPED or self._owners.admit(session, request):
            return session
        return await self._instead(session, request, self._owners)

    async def _found(self, request: Request) -> Session:
        ids, told = self._tracking.read(request.cookies)
        named = bool(ids)
        if len(ids) > 1 and self.cookie.prefixed:
            # Browsers keep one cookie of such a name: one of these was forged, and it cannot be told which (R09).
            if self._listeners:
                self._listeners.tell(events.IdRefused(ref="", app=self._app))
            ids = []
        first = None
        for given, route in filter(None, map(self._tracking.parse, ids[:CANDIDATES])):
            record = await self._load(given, told)
            if record is not None:
                return self._begin(record, given, told, route)
            first = first or given
        if (taken := await self._taken(request, named=named)) is not None:
            return taken
        if first is not None and self._listeners:
            self._listeners.tell(events.SessionAbsent(ref="", app=self._app))
        return self._kind(None, self._clock(), self.keeper, given=first)

    async def _instead(self, session: Session, request: Request, owners: Owners) -> Session:
        """What a stranger gets instead of `session`."""
        self.close_session(session)
        if self._listeners:
            self._listeners.tell(events.StrangerRefused(ref=session.ref, app=self._app))
        track = None if session.track is None else cast("RequestTrack", session.track).anew()
        given = None if track is None else track.given
        stranger = self._kind(None, self._clock(), self.keeper, given=given)
        stranger.track = track
        if owners.ends and session.record is not None:
            if self._everywhere is not None:  # or the others would be left to whoever has the id
                await self._everywhere.end(session.record.key, "revoked")
            await self._endings.end(session.record, "revoked")
            owners.admit(stranger, request)
        else:
            stranger.estrange()
        return stranger

    async def _load(self, given: SessionId, told: int | None) -> Record | None:
        if self._recalls is None or told is None:
            return await self.store.load(given.key, self._app)
        return await self._recalls.fetch(given.key, self._app, told)

    def _recall_by(self, ways: Ways, request: Request) -> Session | None:
        if self._skip and request.path.startswith(self._skip):
            session = self._skipped()
            session.track = RequestTrack(ways, request, None)
            return session
        recall = None if self._recalls is None else self._recalls.recall
        found = ways.recall(request, self._app, recall, heeded=bool(self._listeners))
        if found is None or (found.record is None and self._concerns_takeover(request)):
            return None
        session = self._begun(found)
        return session if self._owners is None else self._admitted(session, request, self._owners)

    async def _found_by(self, ways: Ways, request: Request) -> Session:
        found = await ways.find(request, self._app, self._load, self._listeners.tell if self._listeners else None)
        if found.record is None and (taken := await self._taken(request, named=found.given is not None)) is not None:
            taken.track = RequestTrack(ways, request, "cookie", {"cookie"})
            return taken
        return self._begun(found)

    async def _taken(self, request: Request, *, named: bool) -> Session | None:
        taken = None if self._takeover is None else await self._takeover.take(request.cookies, named=named)
        if taken is None:
            return None
        if taken.record is None:
            return self._kind(None, self._clock(), self.keeper, given=taken.given)
        session = self._begin(taken.record, taken.given, None, self._tracking.route or "")
        session.farewell = taken.farewell
        return session

    def _concerns_takeover(self, request: Request) -> bool:
        return self._takeover is not None and self._takeover.concerns(request.cookies)

    def _admitted(self, session: Session, request: Request, owners: Owners) -> Session | None:
        if self._admits(session, request, owners):
            return session
        self.close_session(session)
        return None

    def _admits(self, session: Session, request: Request, owners: Owners) -> bool:
        try:
            return owners.admit(session, request)
        except BaseException:  # the application's own function raised: there is no visit that would close it
            self.close_session(session)
            raise

    def _skipped(self) -> Session:
        session = self._kind(None, self._clock())
        session.advance(Stage.SKIPPED)
        return session

    def _begun(self, found: Found) -> Session:
        if found.record is None or found.given is None:
            session = self._kind(None, self._clock(), self.keeper, given=found.given)
        else:
            session = self._begin(found.record, found.given, found.told, found.route)
        session.track = found.track
        return session

    def _begin(self, record: Record, given: SessionId, told: int | None, route: str) -> Session:
        session = self._kind(record, self._clock(), self.keeper, given=given, told=told)
        self._held.add(id(session))
        listeners = self._listeners
        if told is not None and told > record.version and listeners:
            listeners.tell(events.FellBack(ref=record.ref, app=self._app, told=told, version=record.version))
        if self._tracking.route not in (None, route):
            session.rebind()
            if route and listeners:
                listeners.tell(events.AffinityBroken(ref=record.ref, app=self._app, came_from=route))
        return session
