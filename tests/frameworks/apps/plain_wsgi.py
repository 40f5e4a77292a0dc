"""The application of the contract on bare WSGI."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from sojourn import Sessions
from sojourn.inbound.wsgi import SESSION, SessionMiddleware
from sojourn.testing.app.deeds import begin, events, perform, stream


def application(sessions: Sessions) -> SessionMiddleware:
    return SessionMiddleware(_app, sessions)


def _app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    session, headers = environ[SESSION], [("Content-Type", "application/json")]
    if environ["PATH_INFO"] == "/stream":
        begin(session)
        start_response("200 OK", headers)
        return stream(session)
    if environ["PATH_INFO"] == "/events":
        body = events(session)
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return body
    given = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    status, answer = perform(environ["PATH_INFO"].lstrip("/"), session, given)
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [answer]
