"""Visit: one request and its session, until the answer is over; the same steps on every framework's side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar, cast

from sojourn.core.keeper import Keeper
from sojourn.core.session import Session, Stage
from sojourn.errors import Contradiction, SessionError, SojournError, StoreError
from sojourn.inbound.answers import layers
from sojourn.inbound.answers.headers import told, tracked, varied
from sojourn.inbound.lasting import Attendance, Stream
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.cookies import Headers
from sojourn.inbound.tracking.request import Request
from sojourn.inbound.tracking.track import RequestTrack

__all__ = ["Visit"]

T = TypeVar("T")


class Visit:
    """What a framework's side does with a session, step by step.

    1. `recall`, and where that is not enough `open`; then the application has `session`.
    2. When its answer is about to start: `passes`, then `passed` for its headers; where that is not enough, `start`.
    3. When the answer is over: `finish`, unless it is `over` already; and `close` in any case.

    Only `open`, `start` and `finish` ever wait for a store.
    """

    session: Session
    started = False
    """Whether the answer has started, so that no cookie can be sent any more."""
    refused = False
    """Whether another answer has taken the place of the application's: nothing more is stored."""
    lasting = False
    """Whether it lasts for as long as the visitor likes, as a WebSocket does: its end is a use of the session, too."""
    attendance: Attendance | None = None
    """Looks after what lasts, where that has a session."""
    _failed = False

    def __init__(self, sessions: Sessions, request: Request) -> None:
        """`request`: what of it tells whose it is."""
        self.sessions = sessions
        self.request = request

    def recall(self, keeper: Keeper | None = None) -> bool:
        """Whether the session is there without asking anybody. `keeper`: carries out what it asks for meanwhile."""
        session = self.sessions.recall(self.request)
        if session is None:
            return False
        self.session = session
        if keeper is not None:
            session.kept_by(keeper)
        return True

    async def open(self, keeper: Keeper | None = None) -> None:
        """Get the session from the store. Raises `StoreUnavailable`."""
        self.session = await self.sessions.open(self.request)
        if keeper is not None:
            self.session.kept_by(keeper)

    async def identify(self) -> None:
        """The request knows by now whose it is: have the session that it may have."""
        self.session = await self.sessions.identify(self.session, self.request)

    def passes(self) -> bool:
        """Whether the answer can start, with the headers of `passed`: nothing is to be stored."""
        session = self.session
        if session.stage is Stage.SKIPPED:
            return True
        if session.looked or self.sessions.touches_always:
            rests = self.sessions.rests(session)
            self.started = True
            if not rests:
                return False
        self.started = True
        session.advance(Stage.STARTED)
        return True

    def passed(self, headers: Iterable[tuple[bytes, bytes]]) -> Headers:
        """The headers of an answer that passes; as they are, where the session was not looked at and has no track."""
        session = self.session
        if session.track is not None:
            return tracked(headers, [], cast("RequestTrack", session.track), looked=session.looked)
        return varied(headers) if session.looked else [*headers]

    async def start(self, headers: Iterable[tuple[bytes, bytes]], *, status: int) -> Headers:
        """Carry out what the application did with the session, and return the headers that tell of it.

        Raises what `Sessions.commit` raises: after a `StoreError` or `Contradiction` the visitor is to be told of that
        instead; after another `SessionError` the application, which may answer something else.
        """
        session = self.session
        self._failed = status >= 500
        counts = status != 401 and self.request.method != "OPTIONS"
        try:
            lines = await self.sessions.commit(session, failed=self._failed, counts=counts)
        except (StoreError, Contradiction):
            self.refused = True
            raise
        except SessionError:
            self.started = False
            raise
        session.advance(Stage.STARTED)
        if session.record is not None:
            headers = [*headers]
            layers.setting(headers, self.sessions.cookie)
        if session.track is not None:
            return tracked(headers, lines, cast("RequestTrack", session.track), looked=session.looked)
        return told(headers, lines) if session.looked or lines else [*headers]

    @property
    def over(self) -> bool:
        """Whether nothing is left to be carried out."""
        session = self.session
        if self.refused or not session.looked:
            return True
        return session.stage is Stage.STARTED and not self.lasting and session.pristine

    async def finish(self, *, failed: bool) -> None:
        """Carry out what came after the answer had started, or without any. `failed`: the application raised."""
        if self.attendance is not None:
            self.attendance.stop()
        if self.refused:
            return
        self.session.advance(Stage.STARTED)
        try:
            await self.sessions.commit(self.session, failed=failed or self._failed, counts=self.lasting)
        except SojournError:
            # Nobody can be told any more but the log of the server; unless it has something worse to tell.
            if not failed:
                raise

    def attend(self, close: Callable[[int], Awaitable[None]]) -> None:
        """Look after a connection that has been accepted, and lasts. `close`: ends it, with a code if it takes one."""
        if self.session.record is not None:
            self.attendance = Attendance(self.sessions.attending, self.session, self.sessions.lifetime, close)

    def attended(self, body: AsyncIterator[T]) -> AsyncIterator[T]:
        """The parts of a body that is made while it is sent, as long as the session goes on."""
        if self.session.record is None:
            return body
        lasting = Stream(body)
        self.attend(lasting.close)
        return lasting.parts(cast("Attendance", self.attendance))

    def close(self) -> None:
        """The request is over: the session refuses further use."""
        if self.attendance is not None:
            self.attendance.stop()
        self.sessions.close_session(self.session)
