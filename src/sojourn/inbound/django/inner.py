"""Inner: the session of Sojourn's that stands where Django keeps the dict of its own, and how it comes there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase, UpdateError

from sojourn.core.ids import SessionId
from sojourn.core.session import Session
from sojourn.errors import NotStorable, SessionEnded
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.bridge import Waiting, wait
from sojourn.inbound.django import values
from sojourn.inbound.django.beside import Beside
from sojourn.inbound.django.settings import get_sessions
from sojourn.inbound.sessions import Sessions
from sojourn.store.base import Moves, power

__all__ = ["ENDED", "Inner"]

ENDED = "the session has ended; nothing of it was stored"


class Inner(Beside, SessionBase):
    """What Django's session has within.

    Alone it belongs to no request: it is loaded when it is first used, and stored when it is told to be. With
    `SessionMiddleware` it is the session of a visit, which is stored with the answer.
    """

    visit: Visit | None = None
    """The visit that it is part of, until that is over."""
    clears = False
    """Whether the visitor's cookies are to be removed, unless another session takes the place of this one."""
    _session_cache: Session
    _of_visit: Sessions | None = None
    _left: Session | None = None  # as the visit left it
    _expiry: Any = None  # what `set_expiry` was given, as it was found
    _lapsed = False  # whether the time that `set_expiry` was given has come
    _cycled = False
    _flagged = False
    _unflagged: object = None  # the changes that there were when `modified` was set to False

    def join(self, visit: Visit) -> None:
        """Be the session of a visit."""
        self.visit, self._of_visit = visit, visit.sessions
        session = visit.session
        if session.record is not None and session.given is not None:
            self._session_key = session.given.secret

    # --- what Django's methods use -------------------------------------------------------------------------------

    def _get_session(self, no_load: bool = False) -> Session:  # noqa: FBT001, FBT002, ARG002 - Django's signature
        self.accessed = True
        try:
            return self._session_cache
        except AttributeError:
            session = self._at_hand()
        session = self._begin(session if session is not None else wait(self._open()))
        return session if not self._lapsed else self._begin_anew(wait(self._sessions.load(None)))

    _session = property(_get_session)

    async def _aget_session(self, no_load: bool = False) -> Session:  # noqa: FBT001, FBT002, ARG002
        self.accessed = True
        try:
            return self._session_cache
        except AttributeError:
            session = self._at_hand()
        session = self._begin(session if session is not None else await self._open())
        return session if not self._lapsed else self._begin_anew(await self._sessions.load(None))

    def clear(self) -> None:
        """Take all out."""
        self._session.clear()
        self.modified = True

    def is_empty(self) -> bool:
        """Whether there is neither a key nor anything to be stored."""
        session: Session | None = self.__dict__.get("_session_cache")
        return not self._session_key and (session is None or session.ended or not session)

    @property
    def modified(self) -> bool:
        """Whether something has changed, deep within, too; or the application says so."""
        session: Session | None = self.__dict__.get("_session_cache")
        if self._flagged or session is None or session.ended:
            return self._flagged
        return session.renewing or _changes(session) != (self._unflagged or {})

    @modified.setter
    def modified(self, modified: bool) -> None:
        session: Session | None = self.__dict__.get("_session_cache")
        self._flagged = modified
        self._unflagged = None if modified or session is None else _changes(session)

    # --- the end of a visit --------------------------------------------------------------------------------------

    def prepare(self, *, failed: bool) -> None:
        """Make the session of the visit ready for a look at whether it is to be stored. `failed`: as `Sessions.commit`.

        It lives as long as Django says, and its cookie is sent again where Django would: browsers count its age from
        then.
        """
        session = self._get_session() if self.visit is None else self.visit.session
        again = (self._flagged or settings.SESSION_SAVE_EVERY_REQUEST) and session.record is not None
        if again:
            session.mark_accessed()
        if session.looked and not session.ended:
            session = self._get_session()
            if self._flagged or self._expiry is not None:
                values.set_lifetime(session, self._sessions, self.get_expiry_age)
            if again and session.pristine:  # else it is to be completed
                self._send_again(session, failed=failed)

    def complete(self, *, failed: bool) -> None:
        """The same, now that it is to be stored."""
        session = self._get_session() if self.visit is None else self.visit.session
        if session.looked and not session.ended:
            if not session.pristine:
                self._send_again(session, failed=failed)
            if self._sessions.stores(failed=failed):
                values.identify(session)

    def leave(self) -> None:
        """The visit is over. What is asked of the session from now on is answered as it was stored."""
        if self.visit is not None:
            left = self._left = self.visit.session
            self.visit = None
            self._session_key = left.id if left.record is not None else None
            self.__dict__.pop("_session_cache", None)

    def _send_again(self, session: Session, *, failed: bool) -> None:
        session.keep_for = None if self.get_expire_at_browser_close() else max(0, self.get_expiry_age())
        if not failed and (session.keep_for is not None or values.expiry_of(session) != self._expiry):
            session.rebind()

    # --- how it comes there --------------------------------------------------------------------------------------

    @property
    def _sessions(self) -> Sessions:
        return self._of_visit if self._of_visit is not None else get_sessions()

    def _at_hand(self) -> Session | None:
        """The session of the visit, or as the visit left it; None when it is to be loaded."""
        if self.visit is not None:
            return self.visit.session
        left, self._left = self._left, None
        if left is None or left.record is None:
            return None
        return self._kept(Session(left.record, left.created_at, given=left.given))

    async def _open(self) -> Session:
        session = self._kept(await self._find(self._session_key))
        if session.record is None and not await self._left_behind(session):
            self._session_key = None
        return session

    async def _find(self, session_key: str | None) -> Session:
        secret = (session_key or "").partition(".")[0]  # behind it may be a route
        return await self._sessions.load(SessionId.parse(secret.encode("ascii", "replace")))

    async def _left_behind(self, session: Session) -> bool:
        """Whether its id was left at a sign-in: the visitor has another by now, which must not be taken away."""
        moves = power(self._sessions.store, Moves)
        return moves is not None and session.given is not None and await moves.moved(session.given.key, self._app)

    @property
    def _app(self) -> str:
        return self._sessions.app

    def _begin(self, session: Session) -> Session:
        self._session_cache = session
        if session.record is not None:
            self._expiry = values.expiry_of(session)
            if self._expiry is not None:
                values.set_lifetime(session, self._sessions, self.get_expiry_age)
                self._lapsed = self.get_expiry_age() <= 0
        return session

    def _begin_anew(self, session: Session) -> Session:
        self._expiry, self._lapsed, self._session_key = None, False, None
        return self._replace(session)

    def _replace(self, session: Session) -> Session:
        """Go on with another one."""
        if self.visit is not None:
            self._sessions.close_session(self.visit.session)
            self.visit.session = session
        self._session_cache = self._kept(session)
        return session

    def _kept(self, session: Session) -> Session:
        session.kept_by(Waiting(self._sessions.keeper))
        return session

    async def _establish(self, session: Session, *, changes: bool) -> None:
        """Store it now, empty or not. Raises `UpdateError` when it has ended."""
        new = session.record is None
        if changes:
            values.identify(session, cycled=self._cycled)
            values.set_lifetime(session, self._sessions, self.get_expiry_age)
        try:
            await self._sessions.keeper.establish(session, values.storable(session) if changes else {})
        except SessionEnded:
            raise UpdateError(ENDED) from None
        finally:
            self._session_key = session.id if session.record is not None else None
        if new:
            self.modified = True  # so that Django's middleware tells the visitor


def _changes(session: Session) -> object:
    """What has changed, as far as it can be told."""
    try:
        return session.changes()
    except NotStorable as error:
        return error  # told when it is to be stored
