"""aiohttp.web: sessions for its applications, in `request[SESSION]`, or `await get_session(request)`."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.http import WS_CLOSED_MESSAGE, StreamWriter
from aiohttp.payload import AsyncIterablePayload

from sojourn.core.session import Session
from sojourn.errors import SettingError, SojournError, StoreError
from sojourn.inbound.answers import layers
from sojourn.inbound.answers.headers import as_text
from sojourn.inbound.answers.refusals import FAULT, refusal
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.lasting import Attendance
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.cookies import Headers
from sojourn.inbound.tracking.request import RequestDefaults

__all__ = ["SESSION", "get_session", "setup"]

SESSION = web.RequestKey("sojourn.session", Session)
"""Where the session of a request is. Only what is done with it there is a use of it."""

_THEIRS = "aiohttp_session"  # the module whose middleware keeps sessions, too

_SENDS = ("send_str", "send_bytes", "send_frame", "write")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def setup(app: web.Application, sessions: Sessions, *, patience: float = math.inf) -> None:
    """Give every request and WebSocket of `app`, and of its sub-applications, its session.

    Opens `sessions` when the application starts, and closes them when it is cleaned up. Call it before or after the
    application has its other middlewares: it goes outside of them. `patience`: seconds for which the start may be put
    off while the store is away. Raises `SettingError` where `tracking` holds `"url"`.
    """
    if sessions.rewriting is not None:
        raise SettingError('tracking holds "url", which aiohttp cannot: it routes by the URL before any middleware')
    side = _Side(sessions)
    app.middlewares.insert(0, side.serve)
    app.on_response_prepare.append(side.begin)

    async def keep(_app: web.Application) -> AsyncIterator[None]:
        if any(getattr(each, "__module__", None) == _THEIRS for each in app.middlewares):
            layers.tell(
                _THEIRS, "keeps sessions beside Sojourn's: visitors have two session cookies; take its setup out"
            )
        await sessions.start(patience=patience)
        yield
        await sessions.close()

    app.cleanup_ctx.insert(0, keep)  # so that it is closed after all others


async def get_session(request: web.Request) -> Session:
    """The session of a request, as users of aiohttp-session ask for it; that alone is a use of it.

    Waits for nothing. Raises `SettingError` where none of ours was set up.
    """
    found: Session | None = request.get(SESSION)
    if found is None:
        raise SettingError("get_session(request): this request has no session; call setup(app, sessions)")
    found.mark_accessed()
    return found


class _Side:
    """What is done with each request of an application."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._visit = web.RequestKey("sojourn.visit", _Visit)  # of its own: a sub-application may have other sessions

    @web.middleware
    async def serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve one request."""
        visit = _Visit(self._sessions, _Request(request))
        try:
            if not visit.recall():
                await visit.open()
        except StoreError as error:
            return _refused(error)
        request[SESSION], request[self._visit] = visit.session, visit
        try:
            answer = await self._answer(request, handler)
            if not visit.over:
                await visit.finish(failed=False)
        except BaseException as error:
            await visit.finish(failed=True)
            if visit.attendance is not None and visit.attendance.caused(error):
                return visit.answer  # the handler was told that the connection is over, as when a visitor leaves
            begun = visit.started and not visit.refused
            if begun or not isinstance(error, SojournError) or error.status_hint == FAULT:
                raise
            return _refused(error)  # the application leaves it to us
        finally:
            visit.close()
        if isinstance(answer, web.HTTPException):
            raise answer
        return answer

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            answer = await handler(request)
        except web.HTTPException as raised:  # an answer, too
            answer = raised
        await self._begin(request, answer)
        if isinstance(answer, web.Response) and isinstance(answer.body, AsyncIterablePayload):
            await answer.prepare(request)  # sent here, since it is made by the application
            await answer.write_eof()
        return answer

    async def begin(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Have an answer that the application sends itself pass through the commit (`on_response_prepare`)."""
        try:
            await self._begin(request, answer)
        except SojournError:
            # The writer may be set to chunk and to compress by now, for an answer that is not sent.
            request._payload_writer = StreamWriter(request.protocol, asyncio.get_running_loop())  # noqa: SLF001
            raise

    async def _begin(self, request: web.Request, answer: web.StreamResponse) -> None:
        visit = request.get(self._visit)
        if visit is None or visit.started:
            return
        visit.answer = answer
        visit.lasting = isinstance(answer, web.WebSocketResponse)
        if not visit.passes():
            _change(answer, await visit.start(_as_bytes(answer), status=answer.status))
        elif visit.session.looked or visit.session.track is not None:
            _change(answer, visit.passed(_as_bytes(answer)))
        if visit.lasting or (visit.session.looked and answer.content_type == "text/event-stream"):
            visit.last(answer)


class _Visit(Visit):
    """What is done with the session of one request."""

    answer: web.StreamResponse
    """What the handler answers with, once that has begun."""

    def last(self, answer: web.StreamResponse) -> None:
        """Look after a WebSocket, or a stream of server-sent events."""

        async def close(code: int) -> None:
            if isinstance(answer, web.WebSocketResponse):
                await answer.close(code=code)
            else:
                await answer.write_eof()

        self.attend(close)
        if self.attendance is None:
            return
        for name in _SENDS:
            if hasattr(answer, name):
                setattr(answer, name, _counted(getattr(answer, name), self.attendance))
        if isinstance(answer, web.WebSocketResponse):
            setattr(answer, "receive", _heard(answer.receive, self.attendance))  # noqa: B010 - of this one alone


def _counted(send: Callable[..., Awaitable[Any]], attendance: Attendance) -> Callable[..., Awaitable[Any]]:
    async def counted(*given: Any, **settings: Any) -> Any:
        attendance.sent()
        return await send(*given, **settings)

    return counted


def _heard(receive: Callable[..., Awaitable[Any]], attendance: Attendance) -> Callable[..., Awaitable[Any]]:
    async def heard(timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as aiohttp's
        message = await attendance.hear(partial(receive, timeout))
        return WS_CLOSED_MESSAGE if message is None else message

    return heard


class _Request(RequestDefaults):
    """A request, as far as sessions look at it."""

    __slots__ = ("_request",)

    def __init__(self, request: web.Request) -> None:
        self._request = request

    @property
    def cookies(self) -> Sequence[bytes]:
        return self.header(b"cookie")

    @property
    def method(self) -> str:
        return self._request.method

    @property
    def path(self) -> str:
        return self._request.path

    def header(self, name: bytes) -> list[bytes]:
        return [value.encode(errors="surrogateescape") for value in self._request.headers.getall(name.decode(), ())]

    @property
    def scheme(self) -> str:
        return self._request.scheme

    @property
    def peer(self) -> str | None:
        name = self._request.get_extra_info("peername")
        return name[0] if isinstance(name, tuple) else None

    @property
    def certificates(self) -> Sequence[str]:
        tls = self._request.get_extra_info("ssl_object")
        own = None if tls is None else tls.getpeercert(binary_form=True)
        return [ssl.DER_cert_to_PEM_cert(own)] if own else []


def _change(answer: web.StreamResponse, headers: Headers) -> None:
    answer.headers.clear()
    answer.headers.extend((name.decode(), value.decode(errors="surrogateescape")) for name, value in headers)


def _as_bytes(answer: web.StreamResponse) -> Headers:
    return [(name.encode(), value.encode(errors="surrogateescape")) for name, value in answer.headers.items()]


def _refused(error: SojournError) -> web.Response:
    instead = refusal(error)
    return web.Response(status=instead.status, headers=as_text(instead.headers), body=instead.body)
