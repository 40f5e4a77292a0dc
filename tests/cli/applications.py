"""What the tests serve. Each answer tells the worker that gave it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware as StarletteSessions
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from sojourn import Cookie, Sessions
from sojourn.inbound.asgi import SessionMiddleware

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

DIRECTORY = Path(os.environ.get("TEST_DIRECTORY", "."))


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            (DIRECTORY / f"{what}-{os.getpid()}").touch()
            await send({"type": f"lifespan.{what}.complete"})
        return
    if scope["path"] == "/slow":
        (DIRECTORY / "entered").touch()
        while not (DIRECTORY / "leave").exists():  # noqa: ASYNC110 - the test is another process
            await asyncio.sleep(0.01)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": (await receive())["text"].upper()})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"pid": %d}' % os.getpid()})


async def without_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await plain(scope, receive, send)


async def count(request: Request) -> JSONResponse:
    visits = request.session.get("visits", 0) + 1
    request.session["visits"] = visits
    return JSONResponse({"visits": visits, "pid": os.getpid()})


ROUTES = [Route("/", count)]

starlette = Starlette(routes=ROUTES)
fastapi = FastAPI()


@fastapi.get("/")
async def visit(request: FastAPIRequest) -> dict[str, int]:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return {"visits": request.session["visits"], "pid": os.getpid()}


listed = Starlette(routes=ROUTES, middleware=[Middleware(StarletteSessions, secret_key="test")])
by_hand = StarletteSessions(Starlette(routes=ROUTES), secret_key="test")
mounted = Starlette(routes=[Mount("/", app=StarletteSessions(Starlette(routes=ROUTES), secret_key="test"))])
ours = SessionMiddleware(Starlette(routes=ROUTES), Sessions("memory:", cookie=Cookie(name="mine", secure=False)))
