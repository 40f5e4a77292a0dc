"""The application of the contract in Litestar."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from litestar import Litestar, Request, Response, WebSocket, get, route, websocket
from litestar.enums import MediaType
from litestar.exceptions import WebSocketDisconnect
from litestar.response import Stream
from litestar.types import Method

from sojourn import Session, Sessions
from sojourn.inbound.litestar import SessionConfig
from sojourn.testing.app.deeds import begin, events_async, perform_async, stream

METHODS: list[Method] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


def application(sessions: Sessions) -> Litestar:
    return Litestar([_do, _stream, _events, _socket], plugins=[SessionConfig(sessions)], openapi_config=None)


@route("/{deed:path}", http_method=METHODS)
async def _do(request: Request[Any, Any, Any]) -> Response[bytes]:
    deed = request.path_params["deed"].lstrip("/")
    status, body = await perform_async(deed, _session(request), dict(request.query_params))
    return Response(body, status_code=status, media_type=MediaType.JSON)


@get("/stream")
async def _stream(request: Request[Any, Any, Any]) -> Stream:
    session = _session(request)
    begin(session)
    return Stream(stream(session))


@get("/events")
async def _events(request: Request[Any, Any, Any]) -> Stream:
    return Stream(events_async(_session(request)), media_type="text/event-stream")


@websocket("/socket")
async def _socket(socket: WebSocket[Any, Any, Any]) -> None:
    session = _session(socket)
    await socket.accept()
    try:
        while True:
            deed, _, given = (await socket.receive_text()).partition("?")
            _, body = await perform_async(deed, session, dict(parse_qsl(given)))
            await socket.send_text(body.decode())
    except WebSocketDisconnect:
        pass


def _session(connection: Request[Any, Any, Any] | WebSocket[Any, Any, Any]) -> Session:
    session: Any = connection.session
    assert isinstance(session, Session)
    return session
