"""The application of the contract in Quart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import parse_qsl

from quart import Quart, Response, request, session, stream_with_context, websocket

from sojourn import Session, Sessions
from sojourn.inbound.quart import SessionInterface
from sojourn.testing.app.deeds import begin, events_async, perform_async, stream

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


def application(sessions: Sessions) -> Quart:
    app = Quart("contract", static_folder=None)
    app.session_interface = SessionInterface(sessions)  # type: ignore[assignment]  # Quart infers its own for it
    app.add_url_rule("/stream", view_func=_stream)
    app.add_url_rule("/events", view_func=_events)
    app.add_url_rule("/<path:deed>", view_func=_do, methods=METHODS, provide_automatic_options=False)
    app.add_websocket("/socket", view_func=_socket)
    return app


def _session() -> Session:
    found = cast("Any", session)._get_current_object()
    assert isinstance(found, Session)
    return found


async def _do(deed: str) -> Response:
    status, body = await perform_async(deed, _session(), request.args)
    return Response(body, status, content_type="application/json")


async def _stream() -> Response:
    begin(_session())

    @stream_with_context
    async def parts() -> AsyncIterator[bytes]:
        for part in stream(_session()):
            yield part

    return Response(parts())


async def _events() -> Response:
    return Response(events_async(_session()), content_type="text/event-stream")


async def _socket() -> None:
    await websocket.accept()
    while True:
        deed, _, given = str(await websocket.receive()).partition("?")
        _, body = await perform_async(deed, _session(), dict(parse_qsl(given)))
        await websocket.send(body.decode())
