"""Bridge: sessions as a sync framework's side uses them."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator, Iterable
from contextvars import Context, copy_context
from typing import Any, TypeVar

from sojourn.core.keeper import Exclusive, Keeper
from sojourn.core.session import Session
from sojourn.inbound.answers.headers import tells_events
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.bridge.events import Events
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.cookies import Headers
from sojourn.inbound.tracking.request import Request
from sojourn.waiting import at_exit, check, wait

__all__ = ["Bridge", "Waiting"]

T = TypeVar("T")


class Bridge:
    """The steps of a `Visit`, for code that cannot await. What needs no store does not leave its thread."""

    def __init__(self, sessions: Sessions) -> None:
        """`sessions`: are closed when the process ends. Raises `SettingError` where no thread can run beside it."""
        check()
        self.sessions = sessions
        at_exit(sessions.close)

    def open(self, request: Request) -> Visit:
        """A visit whose session is there. Raises `StoreUnavailable`."""
        visit = Visit(self.sessions, request)
        keeper = Waiting(self.sessions.keeper)
        if not visit.recall(keeper):
            wait(visit.open(keeper))
        return visit

    def start(self, visit: Visit, headers: Iterable[tuple[bytes, bytes]], *, status: int) -> Headers:
        """As `Visit.start`; for an answer that does not pass."""
        return wait(visit.start(headers, status=status))

    def attend(self, visit: Visit, headers: Iterable[tuple[bytes, bytes]]) -> Events | None:
        """Looks after the body of an answer that has started with `headers`; None where that is not wanted."""
        return Events(visit) if visit.session.record is not None and tells_events(headers) else None

    def finish(self, visit: Visit, *, failed: bool = False) -> None:
        """The answer is over; as `Visit.finish` and `Visit.close`."""
        try:
            if not visit.over:
                wait(visit.finish(failed=failed))
        finally:
            visit.close()


class Waiting:
    """Carries out what a session asks for while its request goes on, and returns when that is done.

    Async code may use such a session, too: a save is over when it is called, and to have it exclusively is awaited.
    """

    __slots__ = ("_context", "_keeper")

    def __init__(self, keeper: Keeper) -> None:
        """`keeper`: of async code."""
        self._keeper = keeper
        self._context: Context | None = None

    def save(self, session: Session) -> Awaitable[None]:
        """As `Keeper`."""
        self._run(_completed(self._keeper.save(session)))
        return _Done()

    def exclusive(self, session: Session, *, wait: float) -> Exclusive:
        """As `Keeper`."""
        return Exclusive(self._keeper.exclusive(session, wait=wait), self._run)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._context is None:  # most requests ask for nothing
            self._context = copy_context()  # one for all, so that a block within a block is part of it
        return wait(work, context=self._context)


async def _completed(work: Awaitable[None]) -> None:
    await work


class _Done(Awaitable[None]):
    """What was waited for already."""

    def __await__(self) -> Generator[Any, Any, None]:
        yield from ()
