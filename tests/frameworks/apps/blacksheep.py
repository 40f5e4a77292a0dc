"""The application of the contract in BlackSheep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from blacksheep import Application, Content, Request, Response, StreamedContent, WebSocket
from blacksheep.server.routing import Router
from blacksheep.server.websocket import WebSocketDisconnectError

from sojourn import Session, Sessions
from sojourn.inbound.blacksheep import setup
from sojourn.testing.app.deeds import begin, events_async, perform_async, stream

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


def application(sessions: Sessions) -> Application:
    app = Application(router=Router())
    setup(app, sessions)
    app.router.add_get("/stream", _stream)
    app.router.add_get("/events", _events)
    app.router.add_ws("/socket", _socket)
    for method in METHODS:
        app.router.add(method, "/*", _do)
    return app


async def _do(request: Request) -> Response:
    given = dict(parse_qsl((request.url.query or b"").decode()))
    status, body = await perform_async(request.path.strip("/"), _session(request), given)
    return Response(status, content=Content(b"application/json", body))


async def _stream(request: Request) -> Response:
    session = _session(request)
    begin(session)

    async def parts() -> AsyncIterator[bytes]:
        for part in stream(session):
            yield part

    return Response(200, content=StreamedContent(b"text/plain", parts))


async def _events(request: Request) -> Response:
    begun = events_async(_session(request))

    async def parts() -> AsyncIterator[bytes]:
        async for part in begun:
            yield part

    return Response(200, content=StreamedContent(b"text/event-stream", parts))


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            deed, _, given = (await socket.receive_text()).partition("?")
            _, body = await perform_async(deed, _session(socket), dict(parse_qsl(given)))
            await socket.send_text(body.decode())
    except WebSocketDisconnectError:
        pass


def _session(request: Request) -> Session:
    session = request.session
    assert isinstance(session, Session)
    return session
