"""The application of the contract in Starlette."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from sojourn import Session, Sessions
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.testing.app.deeds import begin, events_async, perform_async, stream

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


def application(sessions: Sessions) -> Starlette:
    app = Starlette(
        routes=[
            Route("/stream", _stream),
            Route("/events", _events),
            WebSocketRoute("/socket", _socket),
            Route("/{deed:path}", _do, methods=METHODS),
        ]
    )
    app.add_middleware(SessionMiddleware, sessions=sessions)
    return app


def _session(connection: Request | WebSocket) -> Session:
    session = connection.scope["session"]  # `connection.session` would count as a look
    assert isinstance(session, Session)
    return session


async def _do(request: Request) -> Response:
    status, body = await perform_async(request.path_params["deed"], _session(request), dict(request.query_params))
    return Response(body, status, media_type="application/json")


async def _stream(request: Request) -> StreamingResponse:
    begin(_session(request))
    return StreamingResponse(stream(_session(request)))


async def _events(request: Request) -> StreamingResponse:
    return StreamingResponse(events_async(_session(request)), media_type="text/event-stream")


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        deed, _, given = text.partition("?")
        _, body = await perform_async(deed, _session(socket), dict(parse_qsl(given)))
        await socket.send_text(body.decode())
