"""Interface: what Quart asks for the session of a request or WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from functools import partial
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
from quart.wrappers.response import IterableBody
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as WerkzeugResponse

from sojourn.errors import SojournError, StoreError
from sojourn.inbound.answers.headers import as_text
from sojourn.inbound.answers.refusals import FAULT, refusal
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.asgi import request_of
from sojourn.inbound.flask import USER, MixinSession, Unavailable, assume_settings
from sojourn.inbound.quart.lasting import EventStream, Socket, Stream, finish
from sojourn.inbound.sessions import Sessions

__all__ = ["SessionInterface"]

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
            Socket(visit, request, partial(self._start, app, visit))
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
                await finish(visit)
        if own and isinstance(response, Response) and isinstance(response.response, IterableBody):
            del _scope()[_OPENED]
            kind = EventStream if response.mimetype == "text/event-stream" else Stream
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
        await finish(visit, failed=exc is not None and not left)


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


def _replace(response: Any, other: Response | WerkzeugResponse) -> None:
    """Make `response` the same answer as `other`."""
    response.status_code = other.status_code
    response.headers = other.headers
    response.response = other.response
