"""Attendance: what goes on beside a connection that lasts, for the sake of its session."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sojourn.core.lifetime import Lifetime
from sojourn.core.session import Session
from sojourn.inbound.lasting.presence import Attending, Presence

__all__ = ["Attendance"]

T = TypeVar("T")

PATIENCE = 10.0  # seconds that a server may take to close a connection


class Attendance(Presence):
    """Looks after an open connection: touches its session while it is used, closes it when the session ends.

    One for each connection of async code, from its acceptance to its end.
    """

    def __init__(
        self, attending: Attending, session: Session, lifetime: Lifetime, close: Callable[[int], Awaitable[None]]
    ) -> None:
        """`session`: a stored one. `lifetime`: of sessions that have none of their own.

        `close`: ends the connection, with a code for those that take one.
        """
        super().__init__(attending, session, lifetime)
        self._close = close
        self._hearing: asyncio.Future[Any] | None = None
        self._closed = asyncio.Event()
        self._looking = asyncio.get_running_loop().create_task(self._look_on())

    def sent(self) -> None:
        """The application is sending something. Raises `ConnectionAbortedError` when the connection was closed."""
        if self.over:
            raise ConnectionAbortedError("the session has ended, and with it this connection")
        self.send()

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

    def stop(self) -> None:
        """The connection is over. What was used of late is written."""
        self.settle()
        if not self.over:  # else it is about to close the connection
            self._looking.cancel()
        if self._hearing is not None:
            self._hearing.cancel()

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._attending.sockets.check)
            if not await self.goes_on():
                break
        await self._end()

    async def _end(self) -> None:
        if self.over:
            return
        self.lose()
        if self._hearing is not None:
            self._hearing.cancel()  # first: some servers close nothing while they are being listened to
        try:
            # The visitor, or the application, may be faster, and who reads nothing any more may keep us waiting.
            with contextlib.suppress(OSError, RuntimeError):
                async with asyncio.timeout(PATIENCE):
                    await self._close(self._attending.sockets.close_code)
        finally:
            self._closed.set()
