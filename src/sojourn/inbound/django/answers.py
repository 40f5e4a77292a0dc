"""Answers: what becomes of the session between Django's response and the visitor."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from sojourn.core.session import Stage
from sojourn.errors import NotStorable, SojournError
from sojourn.inbound import asgi, wsgi
from sojourn.inbound.answers.headers import as_bytes, as_text, tells_events, told
from sojourn.inbound.answers.refusals import FAULT, refusal
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.bridge import Bridge, Events
from sojourn.inbound.django import values
from sojourn.inbound.django.cookies import Line
from sojourn.inbound.django.engine import SessionStore
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.cookies import SET, Headers
from sojourn.inbound.tracking.request import Request

__all__ = ["Answer", "headers_of", "refused", "seen"]

_SET = SET.decode()

_log = logging.getLogger(__name__)


def seen(request: HttpRequest, sessions: Sessions) -> Request:
    """The request as `sessions` look at it. Where ids travel in URLs, Django routes by a path without."""
    name = sessions.cookie.name
    if isinstance(request, ASGIRequest):
        scope: Any = request.scope
        if not any(each == b"cookie" for each, _ in scope["headers"]) and name in request.COOKIES:
            scope = {**scope, "headers": [*scope["headers"], (b"cookie", _cookie(request, name).encode())]}
        found: Request = asgi.request_of(scope, sessions)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
    else:
        environ: Any = request.META
        if not environ.get("HTTP_COOKIE") and name in request.COOKIES:  # a request that is made in Python has no header
            environ = {**environ, "HTTP_COOKIE": _cookie(request, name)}
        found, path = wsgi.request_of(environ, sessions), environ.get("PATH_INFO", "")
    if found.parameters:
        request.path_info = path
        request.path = f"{found.mount.rstrip('/')}/{path.removeprefix('/')}"
    return found


class Answer:
    """The answer to one request, on its way out through the session's commit."""

    def __init__(self, bridge: Bridge, visit: Visit, store: SessionStore, request: HttpRequest) -> None:
        """`store`: what `request` has as its session."""
        self.visit = visit
        self._bridge = bridge
        self._store = store
        self._request = request
        self._over = False
        self._events: Events | None = None

    @property
    def replaced(self) -> bool:
        """Whether the application has put another session in its place, which is stored in Django's way."""
        return self._request.session is not self._store

    def passes(self, response: HttpResponseBase) -> bool:
        """Whether the response can leave as it is. If not, the session is ready to be stored."""
        visit = self.visit
        if visit.refused or visit.session.stage is Stage.SKIPPED:
            return True
        failed = response.status_code >= FAULT
        self._store.prepare(failed=failed)
        session = visit.session  # `flush` has put another in the place of the one that came
        if visit.passes() and not self._store.clears:
            if session.track is not None:
                _tell(response, visit.passed(headers_of(response)))
            elif session.looked:
                patch_vary_headers(response, ("Cookie",))
            return True
        self._store.complete(failed=failed)
        return False

    def failed(self, error: SojournError, response: HttpResponseBase) -> HttpResponse | None:
        """What is answered when the session could not be stored; None when it can be tried once more."""
        if isinstance(error, NotStorable) and values.simplify(self.visit.session, error):
            return None
        if error.status_hint == FAULT:
            raise error
        self.visit.refused = True
        return refused(error, instead_of=response)

    def told(self, response: HttpResponseBase, headers: Headers) -> HttpResponseBase:
        """The response with these headers in place of its own."""
        if self._store.clears and self.visit.session.record is None:
            headers = self._cleared(headers)
        _tell(response, headers)
        return response

    def _cleared(self, headers: Headers) -> Headers:
        cookie = self.visit.sessions.cookie
        if cookie.name not in self._request.COOKIES:
            return headers
        return told(headers, [(SET, cookie.clear(cookie.name)), (SET, cookie.clear(cookie.version_name))])

    # --- its end -------------------------------------------------------------------------------------------------

    def streams(self, response: HttpResponseBase) -> bool:
        """Whether it goes on while it is sent; then it finishes by itself."""
        if not response.streaming or self.visit.refused or self.visit.session.stage is Stage.SKIPPED:
            return False
        if getattr(response, "file_to_stream", None) is not None:  # nothing of the application's runs there
            return False
        body: Any = response
        if body.is_async:
            body.streaming_content = self._aiter(body.streaming_content, headers_of(response))
        else:
            body.streaming_content = self._iter(body.streaming_content, headers_of(response))
        closers_of(response).append(self._close)
        return True

    @property
    def done(self) -> bool:
        """Whether nothing has been done with the session since it was carried out: the view had returned by then."""
        return self.visit.started or self.visit.refused

    def close(self) -> None:
        """It is over, and nothing is left to be carried out."""
        self._over = True
        self.visit.close()
        self._store.leave()

    async def afinish(self, *, failed: bool) -> None:
        """It is over."""
        try:
            if not self.visit.over:
                await self.visit.finish(failed=failed)
        finally:
            self.close()

    def finish(self, *, failed: bool) -> None:
        """As `afinish`, in sync code."""
        if self._over:
            return
        self._over = True
        try:
            if self._events is not None:
                self._events.leave()
            self._bridge.finish(self.visit, failed=failed)
        finally:
            self._store.leave()

    def _iter(self, body: Iterator[bytes], headers: Headers) -> Iterator[bytes]:
        events = self._events = self._bridge.attend(self.visit, headers)
        try:
            for chunk in body:
                if events is not None and not events.go_on():
                    return  # Django closes what makes it, and then this answer
                yield chunk
        except GeneratorExit:
            self.finish(failed=False)  # that the visitor has gone changes nothing
            raise
        except BaseException as error:
            self.finish(failed=True)
            if events is None or not events.caused(error):
                raise
        self.finish(failed=False)

    async def _aiter(self, body: AsyncIterator[bytes], headers: Headers) -> AsyncIterator[bytes]:
        try:
            async for chunk in self.visit.attended(body) if tells_events(headers) else body:
                yield chunk
        except BaseException as error:
            await self.afinish(failed=not isinstance(error, GeneratorExit))
            raise
        await self.afinish(failed=False)

    def _close(self) -> None:
        """The server has done with it, though it may not have begun to send it."""
        try:
            self.finish(failed=False)
        except SojournError as error:
            _log.warning("what a response changed while it was sent is not stored: %s", error)


def headers_of(response: HttpResponseBase) -> Headers:
    """The headers of a response, without its cookies."""
    return as_bytes(response.items())


def refused(error: SojournError, instead_of: HttpResponseBase | None = None) -> HttpResponse:
    """What the visitor is told of `error`, in the place of another response, whose resources are freed with this."""
    instead = refusal(error)
    response = HttpResponse(instead.body, status=instead.status)
    _tell(response, instead.headers)
    if instead_of is not None:
        closers_of(response).extend(closers_of(instead_of))
    return response


def closers_of(response: HttpResponseBase) -> list[Any]:
    """What is called when the response is closed."""
    return response._resource_closers  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001 - there is no other way


def _cookie(request: HttpRequest, name: str) -> str:
    return f"{name}={request.COOKIES[name]}"


def _tell(response: HttpResponseBase, headers: Headers) -> None:
    """Have the response send these, in place of its own; most are its own."""
    before, sent = {name.lower(): value for name, value in response.items()}, set()
    for name, value in as_text(headers):
        if name == _SET:
            line = Line(value)
            response.cookies[line.key] = line
            continue
        sent.add(name.lower())
        if before.get(name.lower()) != value:
            response[name] = value
    for name in before.keys() - sent:
        del response[name]
