"""The application of the contract in Flask."""

from __future__ import annotations

from flask import Flask, Response, request, stream_with_context
from flask.globals import request_ctx

from sojourn import Session, Sessions
from sojourn.inbound.flask import SessionInterface
from sojourn.testing.app.deeds import begin, events, perform, stream

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


def application(sessions: Sessions) -> Flask:
    app = Flask("contract", static_folder=None)
    app.session_interface = SessionInterface(sessions)
    app.add_url_rule("/stream", view_func=_stream)
    app.add_url_rule("/events", view_func=_events)
    app.add_url_rule("/<path:deed>", view_func=_do, methods=METHODS, provide_automatic_options=False)
    return app


def _session() -> Session:
    session = request_ctx._session  # `flask.session` would count as a look
    assert isinstance(session, Session)
    return session


def _do(deed: str) -> Response:
    status, body = perform(deed, _session(), request.args)
    return Response(body, status, content_type="application/json")


def _stream() -> Response:
    begin(_session())
    return Response(stream_with_context(stream(_session())))


def _events() -> Response:
    return Response(events(_session()), content_type="text/event-stream")
