"""The application of the contract on Django, under WSGI and under ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, cast

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import re_path
from tests.fixtures.django import site

from sojourn import Session, Sessions
from sojourn.testing.app.deeds import begin, events, events_async, perform, perform_async, stream

site.set_up()

from sojourn.inbound.django import SessionMiddleware  # noqa: E402 - Django has to be set up first

H = TypeVar("H", WSGIHandler, ASGIHandler)

_making: list[tuple[Sessions, Any]] = []


def wsgi(sessions: Sessions) -> WSGIHandler:
    streams = (re_path(r"^stream$", _stream), re_path(r"^events$", _events))
    return _made(WSGIHandler, sessions, (*streams, re_path(r"^(?P<deed>.+)$", _do)))


def asgi(sessions: Sessions) -> ASGIHandler:
    streams = (re_path(r"^stream$", _astream), re_path(r"^events$", _aevents))
    return _made(ASGIHandler, sessions, (*streams, re_path(r"^(?P<deed>.+)$", _ado)))


def _made(handler: type[H], sessions: Sessions, urls: object) -> H:
    _making.append((sessions, urls))
    with override_settings(MIDDLEWARE=[f"{__name__}.Ours"]):
        return handler()


class Ours(SessionMiddleware):
    """The middleware with the sessions of the contract; the paths of an application go along with it."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        sessions, self._urls = _making[-1]
        super().__init__(get_response, sessions)

    def __call__(self, request: HttpRequest) -> Any:
        request.urlconf = self._urls
        return super().__call__(request)


def _session(request: HttpRequest) -> Session:
    return cast("Session", request.session)  # which offers all that one has


def _do(request: HttpRequest, deed: str) -> HttpResponse:
    status, body = perform(deed, _session(request), request.GET.dict())
    return HttpResponse(body, status=status, content_type="application/json")


async def _ado(request: HttpRequest, deed: str) -> HttpResponse:
    status, body = await perform_async(deed, _session(request), request.GET.dict())
    return HttpResponse(body, status=status, content_type="application/json")


def _stream(request: HttpRequest) -> StreamingHttpResponse:
    begin(_session(request))
    return StreamingHttpResponse(stream(_session(request)))


async def _astream(request: HttpRequest) -> StreamingHttpResponse:
    async def body() -> AsyncIterator[bytes]:
        for part in stream(_session(request)):
            yield part

    begin(_session(request))
    return StreamingHttpResponse(body())


def _events(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(events(_session(request)), content_type="text/event-stream")


async def _aevents(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(events_async(_session(request)), content_type="text/event-stream")
