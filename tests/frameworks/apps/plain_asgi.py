"""The application of the contract on bare ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from sojourn import Sessions
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.testing.app.deeds import begin, events_async, perform_async, stream

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def application(sessions: Sessions) -> SessionMiddleware:
    return SessionMiddleware(_app, sessions)


async def _app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
    elif scope["type"] == "websocket":
        await _talk(scope, receive, send)
    elif scope["path"] == "/stream":
        begin(scope["session"])
        await _start(send, 200)
        for part in stream(scope["session"]):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
    elif scope["path"] == "/events":
        parts = events_async(scope["session"])
        await _start(send, 200, b"text/event-stream")
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
    else:
        given = dict(parse_qsl(scope["query_string"].decode()))
        status, body = await perform_async(scope["path"].lstrip("/"), scope["session"], given)
        await _start(send, status)
        await send({"type": "http.response.body", "body": body})


async def _talk(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        deed, _, given = message["text"].partition("?")
        _, body = await perform_async(deed, scope["session"], dict(parse_qsl(given)))
        await send({"type": "websocket.send", "text": body.decode()})


async def _start(send: Send, status: int, kind: bytes = b"application/json") -> None:
    headers = [(b"content-type", kind)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
