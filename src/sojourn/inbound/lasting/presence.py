"""Presence: how a connection that lasts and its session keep step: uses are counted, and an end is noticed."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from sojourn.core.lifetime import Clock, Lifetime
from sojourn.core.outcome import Use, conclude
from sojourn.core.record import Record
from sojourn.core.session import Session
from sojourn.errors import Contradiction, NotStorable, SessionEnded, StoreError
from sojourn.inbound.lasting.sockets import Sockets
from sojourn.store.base import Lists, Query, Recalls, Store, power

__all__ = ["Attending", "Presence"]

_log = logging.getLogger(__name__)


class Attending(msgspec.Struct, frozen=True, kw_only=True):
    """What an attendance goes by."""

    sockets: Sockets
    store: Store
    lists: Lists | None
    """Finds a session whose id is a new one; None where only who has that may find it."""
    touch: Callable[[Record], None]
    """Writes times of use, soon."""
    clock: Clock
    always: bool
    """Whether it concerns sessions that were not looked at, too."""
    dropped: Callable[[Record], None]
    """Is told whose changes were not stored, since the session had ended before."""


class Presence:
    """What is known of the session of one open connection.

    It changes nothing of the session but its times: what the application does with it is stored as ever.
    """

    over = False
    """Whether the session has ended, and the connection with it."""

    def __init__(self, attending: Attending, session: Session, lifetime: Lifetime) -> None:
        """`session`: a stored one. `lifetime`: of sessions that have none of their own."""
        self._attending = attending
        self._session = session
        self._lifetime = lifetime
        self._seen = session.record
        self._used = False

    def send(self) -> None:
        """Take note that the application is sending something."""
        self._used |= self._attending.sockets.uses == "traffic"

    def caused(self, error: BaseException) -> bool:
        """Whether `error` comes of the end of the session."""
        causes: list[BaseException | None] = [error] if self.over else []
        while causes:
            cause = causes.pop()
            if isinstance(cause, ConnectionAbortedError | SessionEnded):
                return True
            if isinstance(cause, BaseExceptionGroup):
                causes += cause.exceptions
            if cause is not None:
                causes += [cause.__cause__, cause.__context__]
        return False

    async def goes_on(self) -> bool:
        """Whether the session is still that of the connection; what was used of late is written."""
        try:
            return await self._goes_on()
        except StoreError as error:  # nobody is signed out because the store is away
            _log.debug("the session of an open connection was not looked at: %s", error)
            return True

    def settle(self) -> None:
        """Write what was used of late: in the event loop, as `goes_on` does."""
        if (known := self._known()) is not None:
            self._touch(known)

    def lose(self) -> None:
        """Let nothing of it be stored: a save would bring back what has only just expired."""
        self.over = True
        session = self._session
        if session.ended or session.record is None:
            return
        try:
            changed = bool(session.changes())
        except (NotStorable, Contradiction):
            changed = True
        if changed:
            self._attending.dropped(session.record)
        session.lost()

    async def _goes_on(self) -> bool:
        """Whether the session is still that of the connection."""
        if self._session.ended:
            return False
        if (known := self._known()) is None:
            return True
        known = self._touch(known)
        self._seen = found = await self._stored(known)
        return found is not None

    async def _stored(self, known: Record) -> Record | None:
        """The same session as it is stored now: of the same ref and epoch, whatever its id is by now."""
        store = self._attending.store
        recalls = power(store, Recalls)
        found = None if recalls is None else recalls.recall(known.key, known.app, known.version)
        if found is None:
            found = await store.load(known.key, known.app)
        if found is None and (lists := self._attending.lists) is not None:
            found = next(iter(await lists.find(Query(app=known.app, ref=known.ref))), None)
        if found is None or (found.ref, found.epoch) != (known.ref, known.epoch):
            return None
        return found if found.accessed_at >= known.accessed_at or found.version != known.version else known

    def _touch(self, known: Record) -> Record:
        """Count what was a use since the last time, where that is worth writing. Returns it with its times."""
        attending, session = self._attending, self._session
        if not (self._used or attending.sockets.uses == "open"):
            return known
        self._used = False
        use = Use(
            app=known.app, node=known.node, ref=known.ref, next_id=session.next_id, given=session.given,
            version=session.told, changes={}, principal=known.principal, renewed=False, emptied=False, ended=False,
            looked=True, touches=True, started=True, lifetime=session.lifetime,
        )  # fmt: skip
        outcome = conclude(use, known, session.lifetime or self._lifetime, attending.clock())
        if outcome.write != "touch" or outcome.record is None:
            return known
        attending.touch(outcome.record)
        return outcome.record

    def _known(self) -> Record | None:
        """What the connection itself stored last, or what was seen since; None where it is none of its business."""
        own, seen = self._session.record, self._seen
        if own is None or own.blank or not (self._session.looked or self._attending.always):
            return None
        return own if seen is None or own.version > seen.version else seen
