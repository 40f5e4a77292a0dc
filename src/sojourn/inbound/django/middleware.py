"""Middleware: the session of each request, stored before the first byte of its answer leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.sessions import middleware
from django.core.checks import CheckMessage, register
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from sojourn.errors import SojournError, StoreError
from sojourn.inbound.answers.refusals import FAULT
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.bridge import Bridge, Waiting, wait
from sojourn.inbound.django import order
from sojourn.inbound.django.answers import Answer, headers_of, refused, seen
from sojourn.inbound.django.engine import SessionStore
from sojourn.inbound.django.settings import get_sessions
from sojourn.inbound.django.strangers import fitted
from sojourn.inbound.sessions import Sessions

__all__ = ["SessionMiddleware"]


class SessionMiddleware(middleware.SessionMiddleware):
    """In place of `django.contrib.sessions.middleware.SessionMiddleware`: the session is there before the view runs.

    A copy that is as new as what the visitor has seen is used as it is, for which the visitor carries its version in a
    second cookie. Under ASGI no thread is asked. What a response that streams changes late is stored when it is over.
    """

    SessionStore: type[SessionStore]

    def __init__(self, get_response: Callable[[HttpRequest], Any], sessions: Sessions | None = None) -> None:
        """`sessions`: in place of those of the settings. Raises `ImproperlyConfigured`."""
        super().__init__(get_response)
        if not issubclass(self.SessionStore, SessionStore):
            raise ImproperlyConfigured(
                "sojourn.inbound.django.SessionMiddleware asks for SESSION_ENGINE = 'sojourn.inbound.django', or for "
                "one with a SessionStore that inherits from that"
            )
        self._sessions = fitted(sessions) if sessions is not None else get_sessions()
        self._bridge = Bridge(self._sessions)
        order.tell(SessionMiddleware)
        self._awaits = iscoroutinefunction(get_response)

    def __call__(self, request: HttpRequest) -> Any:
        """Serve a request."""
        if self._awaits:
            return self.__acall__(request)
        try:
            visit = self._bridge.open(seen(request, self._sessions))
        except StoreError as error:
            return refused(error)
        answer = self._begin(request, visit)
        try:
            response: Any = self.get_response(request)
            response = self.process_response(request, response) if answer.replaced else self._start(answer, response)
        except BaseException:
            answer.finish(failed=True)
            raise
        if answer.done and not response.streaming:
            answer.close()
        elif not answer.streams(response):
            answer.finish(failed=False)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """As `__call__`, in the event loop of the server."""
        visit = Visit(self._sessions, seen(request, self._sessions))
        keeper = Waiting(self._sessions.keeper)  # sync views ask for it, too
        try:
            if not visit.recall(keeper):
                await visit.open(keeper)
        except StoreError as error:
            return refused(error)
        answer = self._begin(request, visit)
        try:
            response: Any = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
            if answer.replaced:
                response = await sync_to_async(self.process_response)(request, response)
            else:
                response = await self._astart(answer, response)
        except BaseException:
            await answer.afinish(failed=True)
            raise
        if answer.done and not response.streaming:
            answer.close()
        elif not answer.streams(response):
            await answer.afinish(failed=False)
        return cast("HttpResponseBase", response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what of Sojourn's errors the view leaves to us."""
        visit = getattr(request.session, "visit", None)
        if visit is None or not isinstance(exception, SojournError) or exception.status_hint == FAULT:
            return None
        wait(visit.finish(failed=True))
        visit.refused = True
        return refused(exception)

    def _begin(self, request: HttpRequest, visit: Visit) -> Answer:
        request.session = store = self.SessionStore()
        store.join(visit)
        return Answer(self._bridge, visit, store, request)

    def _start(self, answer: Answer, response: HttpResponseBase) -> HttpResponseBase:
        try:
            if answer.passes(response):
                return response
            headers = self._bridge.start(answer.visit, headers_of(response), status=response.status_code)
        except SojournError as error:
            return answer.failed(error, response) or self._start(answer, response)
        return answer.told(response, headers)

    async def _astart(self, answer: Answer, response: HttpResponseBase) -> HttpResponseBase:
        try:
            if answer.passes(response):
                return response
            headers = await answer.visit.start(headers_of(response), status=response.status_code)
        except SojournError as error:
            return answer.failed(error, response) or await self._astart(answer, response)
        return answer.told(response, headers)


@register
def check_order(**_: Any) -> list[CheckMessage]:
    """Whether MIDDLEWARE has what does not go together with ours."""
    return [*order.found(SessionMiddleware)]
