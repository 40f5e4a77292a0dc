"""The application of the contract in aiohttp.web."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web

from sojourn import Sessions
from sojourn.inbound.aiohttp import SESSION, get_session, setup
from sojourn.testing.app.deeds import begin, events_async, perform_async, stream


def application(sessions: Sessions) -> web.Application:
    app = web.Application()
    setup(app, sessions)
    app.router.add_get("/stream", _stream)
    app.router.add_get("/events", _events)
    app.router.add_get("/socket", _socket)
    app.router.add_route("*", "/{deed:.*}", _do)
    return app


async def _do(request: web.Request) -> web.Response:
    session = request[SESSION]  # `get_session` would count as a look
    status, body = await perform_async(request.match_info["deed"], session, request.query)
    return web.Response(status=status, body=body, content_type="application/json")


async def _stream(request: web.Request) -> web.StreamResponse:
    session = await get_session(request)
    begin(session)
    response = web.StreamResponse()
    await response.prepare(request)
    for part in stream(session):
        await response.write(part)
    await response.write_eof()
    return response


async def _events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    parts = events_async(await get_session(request))
    await response.prepare(request)
    async for part in parts:
        await response.write(part)
    await response.write_eof()
    return response


async def _socket(request: web.Request) -> web.WebSocketResponse:
    session = request[SESSION]
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        deed, _, given = message.data.partition("?")
        _, body = await perform_async(deed, session, dict(parse_qsl(given)))
        await socket.send_str(body.decode())
    return socket
