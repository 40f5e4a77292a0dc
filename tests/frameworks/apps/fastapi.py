"""The application of the contract in FastAPI."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI, Request, Response, WebSocket
from fastapi.responses import StreamingResponse

from sojourn import Session, Sessions
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.fastapi import session, view
from sojourn.testing.app.deeds import Cart, begin, events_async, perform_async, stream

Ours = Annotated[Session, Depends(session)]
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


def application(sessions: Sessions) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_middleware(SessionMiddleware, sessions=sessions)
    app.get("/stream")(_stream)
    app.get("/events")(_events)
    app.get("/view")(_view)
    app.api_route("/nothing", methods=METHODS)(_nothing)
    app.get("/static/nothing")(_nothing)
    app.api_route("/{deed:path}", methods=METHODS)(_do)
    app.websocket("/socket")(_socket)
    return app


async def _do(deed: str, session: Ours, request: Request) -> Response:
    status, body = await perform_async(deed, session, dict(request.query_params))
    return Response(body, status, media_type="application/json")


async def _nothing() -> None:
    """Does not ask for the session."""


async def _view(cart: Annotated[Cart, Depends(view(Cart))], session: Ours, request: Request) -> Response:
    status, _ = await perform_async("view", session, dict(request.query_params))
    return Response(json.dumps([cart.items, cart.coupon]), status, media_type="application/json")


async def _stream(session: Ours) -> StreamingResponse:
    begin(session)
    return StreamingResponse(stream(session))


async def _events(session: Ours) -> StreamingResponse:
    return StreamingResponse(events_async(session), media_type="text/event-stream")


async def _socket(socket: WebSocket, session: Ours) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        deed, _, given = text.partition("?")
        _, body = await perform_async(deed, session, dict(parse_qsl(given)))
        await socket.send_text(body.decode())
