"""Attendance: what goes on beside a connection that lasts, for the sake of its session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from sojourn.core.lifetime import Clock, Lifetime
from sojourn.core.outcome import Use, conclude
from sojourn.core.record import Record
from sojourn.core.session import Session
from sojourn.errors import NotStorable, SessionEnded, StoreError
from sojourn.inbound.lasting.sockets import Sockets
from sojourn.store.base import Lists, Query, Recalls, Store, power

__all__ = ["Attendance", "Attending"]

T = TypeVar("T")

PATIENCE = 10.0  # seconds that a server may take to close a connection

_log = logging.getLogger(__name__)


class Attending(msgspec.Struct, frozen=True, kw_only=True):
    """What an attendance goes by."""

    sockets: Sockets
    store: Store
    touch: Callable[[Record], None]
    """Writes times of use, soon."""
    clock: Clock
    always: bool
    """Whether it concerns sessions that were not looked at, too."""
    dropped: Callable[[Record], None]
    """Is told whose changes were not stored, since the session had ended before."""


class Attendance:
    """Looks after an open connection: touches its session while it is used, closes it when the session ends.

    One for each connection, from its acceptance to its end. It changes nothing of the session but its times: what the
    application does with it is stored as ever.
    """

    over = False
    """Whether the session has ended, and the connection was closed for that."""

    def __init__(
        self, attending: Attending, session: Session, lifetime: Lifetime, close: Callable[[int], Awaitable[None]]
    ) -> None:
        """`session`: a stored one. `lifetime`: of sessions that have none of their own.

        `close`: ends the connection, with a code for those that take one.
        """
        self._attending = attending
        self._session = session
        self._lifetime = lifetime
        self._close = close
        self._seen = session.record
        self._used = False
        self._hearing: asyncio.Future[Any] | None = None
        self._closed = asyncio.Event()
        self._looking = asyncio.get_running_loop().create_task(self._look_on())

    def sent(self) -> None:
        """The application is sending something. Raises `ConnectionAbortedError` when the connection was closed."""
        if self.over:
            raise ConnectionAbortedError("the session has ended, and with it this connection")
        self._used |= self._attending.sockets.uses == "traffic"

    async def hear(self, receive: Callable[[], Awaitable[T]]) -> T | None:
        """What `receive` brings next; None when the session has ended. Cancelled, it leaves that to the next call."""
        if self._session.ended:
            await self._end()  # the handler itself has ended it
        if self.over:
            await self._closed.wait()
            return None
        if self._hearing is None:
            self._hearing = asyncio.ensure_future(receive())
        try:
            message: T = await asyncio.shield(self._hearing)
        except asyncio.CancelledError:  # what comes at that very moment is for the next call, too
            task = asyncio.current_task()
            if self.over and not (task is not None and task.cancelling()):
                await self._closed.wait()
                return None
            raise
        except BaseException:
            self._hearing = None
            raise
        self._hearing = None
        self._used |= self._attending.sockets.uses != "open"
        return message

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

    def stop(self) -> None:
        """The connection is over. What was used of late is written."""
        if (known := self._known()) is not None:
            self._touch(known)
        if not self.over:  # else it is about to close the connection
            self._looking.cancel()
        if self._hearing is not None:
            self._hearing.cancel()

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._attending.sockets.check)
            try:
                if not await self._goes_on():
                    break
            except StoreError as error:  # nobody is signed out because the store is away
                _log.debug("the session of an open connection was not looked at: %s", error)
        await self._end()

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
        if found is None and (lists := power(store, Lists)) is not None:
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
        if own is None or not (self._session.looked or self._attending.always):
            return None
        return own if seen is None or own.version > seen.version else seen

    async def _end(self) -> None:
        if self.over:
            return
        self.over = True
        self._lose()
        if self._hearing is not None:
            self._hearing.cancel()  # first: some servers close nothing while they are being listened to
        try:
            # The visitor, or the application, may be faster, and who reads nothing any more may keep us waiting.
            with contextlib.suppress(OSError, RuntimeError):
                async with asyncio.timeout(PATIENCE):
                    await self._close(self._attending.sockets.close_code)
        finally:
            self._closed.set()

    def _lose(self) -> None:
        """Let nothing of it be stored: a save would bring back what has only just expired."""
        session = self._session
        if session.ended or session.record is None:
            return
        try:
            changed = bool(session.changes())
        except NotStorable:
            changed = True
        if changed:
            self._attending.dropped(session.record)
        session.lost()
