"""Quart: `quart.session` is the session, once `site.session_interface = SessionInterface(sessions)`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, MutableMapping
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Any
from weakref import WeakSet

from quart import (
    Quart,
    Response,
    Websocket,
    has_request_context,
    request,
    request_started,
    request_tearing_down,
    websocket,
    websocket_started,
    websocket_tearing_down,
)
from quart.ctx import RequestContext, WebsocketContext
from quart.globals import request_ctx, websocket_ctx
from quart.sessions import SessionInterface as QuartInterface
from quart.sessions import SessionMixin
from quart.wrappers import BaseRequestWebsocket
from quart.wrappers.response import IterableBody, ResponseBody
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as WerkzeugResponse

from sojourn.errors import SojournError, StoreError
from sojourn.inbound.answers.headers import as_text
from sojourn.inbound.answers.refusals import FAULT, refusal
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.asgi import request_of
from sojourn.inbound.flask import USER, MixinSession, Unavailable, assume_settings
from sojourn.inbound.sessions import Sessions

__all__ = ["SessionInterface"]

SWITCHING = 101  # RFC 9110 §15.2.2: what accepts a WebSocket

_OPENED = "sojourn.opened"  # in the scope: the context that opened the session, and the visit
_REFUSED = "sojourn.refused"


class SessionInterface(QuartInterface):
    """Gives every request and WebSocket of a Quart application its session: `sojourn.inbound.flask`, and async.

    What a WebSocket does before it is accepted may begin a session or sign in; what it does later is stored when it
    closes, or with `await session.save()`.
    """

    null_session_class = Unavailable

    def __init__(self, sessions: Sessions, *, principal: str | None = USER) -> None:
        """`sessions`: of the application, or of several with the same settings. Closed when it stops serving.

        `principal`: as in `sojourn.inbound.flask`.
        """
        self.sessions = sessions
        sessions.shape(MixinSession)
        if principal is not None:
            sessions.follow(principal)
        self._joined = WeakSet[Quart]()

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> MixinSession | None:
        """As Quart's."""
        if app not in self._joined:
            self._join(app)
        scope: Any = request.scope
        visit = Visit(self.sessions, request_of(scope, self.sessions))
        if self.sessions.rewriting is not None:  # the path has no id in it any more
            request.path = visit.request.path
            _context().url_adapter = app.create_url_adapter(request)
        try:
            if not visit.recall():
                await visit.open()
        except StoreError as error:
            scope[_REFUSED] = error  # raised where Quart's error handlers are asked
            return None
        session: MixinSession = visit.session  # type: ignore[assignment]
        session.visit = visit
        # A test client's `session_transaction` opens a second one, which ends with its `save_session`.
        if scope.setdefault(_OPENED, (_context(), visit))[1] is visit and isinstance(request, Websocket):
            visit.lasting = True
            _Socket(visit, request, partial(self._start, app, visit))
        return session

    async def save_session(
        self, app: Quart, session: SessionMixin, response: Response | WerkzeugResponse | None
    ) -> None:
        """As Quart's. Without a response a WebSocket has closed, and is about to be finished."""
        visit: Visit = session.visit  # type: ignore[attr-defined]
        if response is None or visit.refused:
            return
        own = _own_visit() is visit
        try:
            await self._start(app, visit, response.headers, response.status_code)
        except SojournError as error:
            if not (visit.refused and own):
                raise
            _replace(response, await app.make_response(await app.handle_user_exception(error)))
        finally:
            if not own:
                await _finish(visit)
        if own and isinstance(response, Response) and isinstance(response.response, IterableBody):
            del _scope()[_OPENED]
            kind = _EventStream if response.mimetype == "text/event-stream" else _Stream
            response.response = kind(response.response, visit)

    async def _start(self, app: Quart, visit: Visit, headers: Headers, status: int) -> None:
        session: MixinSession = visit.session  # type: ignore[assignment]
        pairs = [(name.encode(), value.encode()) for name, value in headers]
        if visit.passes():
            pairs = visit.passed(pairs)
        else:
            session.modified = session.modified  # stays so when it is stored
            if self.sessions.cookie.max_age is None:
                session.keep(app.permanent_session_lifetime, refreshed=app.config["SESSION_REFRESH_EACH_REQUEST"])
            pairs = await visit.start(pairs, status=status)
        headers.clear()
        headers.extend((name.decode(), value.decode()) for name, value in pairs)

    def _join(self, app: Quart) -> None:
        assume_settings(self.sessions, app.config, Quart.default_config, app.permanent_session_lifetime)
        for started in (request_started, websocket_started):
            started.connect(self._refuse, app)
        for over in (request_tearing_down, websocket_tearing_down):
            over.connect(self._end, app)
        app.error_handler_spec[None][None].setdefault(SojournError, self._answer)
        app.after_serving_funcs.append(self.sessions.close)
        self._joined.add(app)

    async def _refuse(self, _app: Quart, **_: Any) -> None:
        """The first step of a request whose errors Quart hands to handlers."""
        error = _scope().pop(_REFUSED, None)
        if error is not None:
            raise error

    async def _answer(self, error: SojournError) -> Response:
        """The answer to what the application does not handle itself."""
        visit = _own_visit()
        if visit is not None and visit.attendance is not None and visit.attendance.caused(error):
            raise asyncio.CancelledError  # the session has ended, and the WebSocket with it
        if error.status_hint == FAULT:
            raise error
        if visit is not None:
            if not visit.over:
                await visit.finish(failed=True)
            visit.refused = True
        instead = refusal(error)
        return Response(instead.body, instead.status, Headers(as_text(instead.headers)))

    async def _end(self, _app: Quart, exc: BaseException | None = None, **_: Any) -> None:
        """The last step of a request or WebSocket, but for a stream."""
        scope = _scope()
        context, visit = scope.get(_OPENED, (None, None))
        if visit is None or context is not _context():
            return  # a copy of the context is torn down (`copy_current_request_context`)
        del scope[_OPENED]
        left = visit.lasting and isinstance(exc, asyncio.CancelledError)  # so a handler learns that the visitor has
        await _finish(visit, failed=exc is not None and not left)


class _Socket:
    """Stands in the place of what a WebSocket can do, so that its session goes along."""

    def __init__(self, visit: Visit, socket: Websocket, start: Callable[[Headers, int], Awaitable[None]]) -> None:
        """`start`: carries out what was done with the session before the answer to the handshake."""
        self._visit = visit
        self._start = start
        self._accept, self._receive, self._send, self._close = socket.accept, socket.receive, socket.send, socket.close
        for method in (self.accept, self.receive, self.send):
            setattr(socket, method.__name__, method)

    async def accept(self, headers: dict[str, str] | Headers | None = None, subprotocol: str | None = None) -> None:
        """As Quart's; the cookies go along."""
        headers = Headers(headers)
        if self._visit.started:
            # Quart comes here before each message, too, and again after a pause.
            if self._visit.attendance is not None and self._visit.attendance.over:
                raise asyncio.CancelledError  # as when the visitor leaves
            await self._accept(headers, subprotocol)
            return
        await self._start(headers, SWITCHING)
        await self._accept(headers, subprotocol)
        self._visit.attend(self._close)

    async def receive(self) -> str | bytes:
        """As Quart's."""
        await self.accept()
        attendance = self._visit.attendance
        if attendance is None:
            return await self._receive()
        message = await attendance.hear(self._receive)
        if message is None:
            raise asyncio.CancelledError
        return message

    async def send(self, data: str | bytes) -> None:
        """As Quart's."""
        await self.accept()
        if self._visit.attendance is not None:
            self._visit.attendance.sent()
        await self._send(data)


class _Stream(ResponseBody):
    """A body that is made while it is sent: its end is that of the request."""

    def __init__(self, body: IterableBody, visit: Visit) -> None:
        self._body = body
        self._visit = visit

    async def __aenter__(self) -> AsyncIterable[Any]:
        return await self._body.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = kind is not None
        try:
            await self._body.__aexit__(kind, error, trace)  # type: ignore[arg-type]
        except BaseException:
            failed = True
            raise
        finally:
            await _finish(self._visit, failed=failed)


class _EventStream(_Stream):
    """A stream of server-sent events: it ends with its session."""

    async def __aenter__(self) -> AsyncIterable[Any]:
        self._parts = aiter(await super().__aenter__())
        self._context = copy_context()  # one for all of its steps, as it may set variables and reset them
        self._ended = asyncio.Event()
        self._visit.attend(self._end)
        return self._until_it_ends()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(self._parts, AsyncGenerator):
                await self._in_context(self._parts.aclose())
        finally:
            await super().__aexit__(kind, error, trace)

    async def _until_it_ends(self) -> AsyncIterator[Any]:
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            while True:
                step = self._in_context(anext(self._parts))
                try:
                    await asyncio.wait([step, ended], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    step.cancel()
                    await asyncio.wait([step])
                try:
                    part = step.result()
                except (StopAsyncIteration, asyncio.CancelledError):
                    return
                if self._visit.attendance is not None:
                    self._visit.attendance.sent()
                yield part
        finally:
            ended.cancel()

    async def _end(self, _: int) -> None:
        self._ended.set()

    def _in_context(self, step: Awaitable[Any]) -> asyncio.Task[Any]:
        async def run() -> Any:
            return await step

        return asyncio.get_running_loop().create_task(run(), context=self._context)


def _scope() -> MutableMapping[str, Any]:
    """That of the request or WebSocket under way."""
    connection: Any = request if has_request_context() else websocket  # in the order in which `quart.session` looks
    return connection.scope  # type: ignore[no-any-return]


def _context() -> RequestContext | WebsocketContext:
    proxy: Any = request_ctx if has_request_context() else websocket_ctx
    return proxy._get_current_object()  # type: ignore[no-any-return]  # noqa: SLF001 - so Flask's documentation says


def _own_visit() -> Visit | None:
    """That of the session that the request or WebSocket under way opened itself."""
    return _scope().get(_OPENED, (None, None))[1]  # type: ignore[no-any-return]


async def _finish(visit: Visit, *, failed: bool = False) -> None:
    """The last of a request. In a task of its own, since Quart cancels a handler whose visitor has left, also now."""
    finishing = asyncio.ensure_future(_finished(visit, failed=failed))
    _finishing.add(finishing)
    finishing.add_done_callback(_finishing.discard)
    try:
        await asyncio.shield(finishing)
    except asyncio.CancelledError:
        finishing.add_done_callback(_heed)
        raise


_finishing = set[asyncio.Future[None]]()


async def _finished(visit: Visit, *, failed: bool) -> None:
    try:
        if not visit.over:
            await visit.finish(failed=failed)
    finally:
        visit.close()
        visit.session.visit = None  # type: ignore[attr-defined]  # or the two would wait for the garbage collector


def _heed(finishing: asyncio.Future[None]) -> None:
    """Take note of a failure that nobody waits to hear; what could not be stored is in the log already."""
    if not finishing.cancelled():
        finishing.exception()


def _replace(response: Any, other: Response | WerkzeugResponse) -> None:
    """Make `response` the same answer as `other`."""
    response.status_code = other.status_code
    response.headers = other.headers
    response.response = other.response
