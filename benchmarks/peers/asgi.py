"""ASGI: ours, starsessions, Litestar and the SDK of Redis around one shop. `app` is what the environment names."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.peers.cart import cart, count
from sojourn import Cookie, Sessions
from sojourn.inbound.asgi import SessionMiddleware

__all__ = ["app"]

Handler = Callable[[Request], Awaitable[Response]]

STORE = os.environ.get("SOJOURN_BENCH_STORE", "")


async def plain(_request: Request) -> Response:
    """Answer without a session."""
    return JSONResponse(count(None))


async def read(request: Request) -> Response:
    """Answer what is in the cart."""
    return JSONResponse(count(request.session.get("cart")))


async def write(request: Request) -> Response:
    """Change the cart; the first time, fill it."""
    found = request.session.get("cart") or cart(request.path_params["size"])
    found["changes"] += 1
    request.session["cart"] = found
    return JSONResponse(count(found))


def shop(*middleware: Middleware, read: Handler = read, write: Handler = write) -> Starlette:
    """The shop on Starlette."""
    routes = [
        Route("/plain", plain),
        Route("/{size}", read, methods=["GET"]),
        Route("/{size}", write, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=middleware)


def bare() -> Starlette:
    """The same routes with nothing around them: every path answers without a session."""
    return shop(read=plain, write=plain)


def ours(**settings: Any) -> Starlette:
    """Sojourn."""
    return shop(Middleware(SessionMiddleware, Sessions(STORE, cookie=Cookie.development(), **settings)))


def starsessions() -> Starlette:
    """Starsessions, which loads each session as ours does: before the handler."""
    from starsessions import SessionAutoloadMiddleware
    from starsessions import SessionMiddleware as PeerMiddleware
    from starsessions.stores.redis import RedisStore

    settings: dict[str, Any] = {"lifetime": 1800, "rolling": True, "cookie_https_only": False}
    store = RedisStore(STORE)
    return shop(Middleware(PeerMiddleware, store=store, **settings), Middleware(SessionAutoloadMiddleware))


def litestar(*, sessions: bool) -> Any:
    """Litestar with its server-side sessions, or without any."""
    from benchmarks.peers import litestar

    return litestar.shop(STORE) if sessions else litestar.bare()


def redis_sdk() -> Any:
    """FastAPI with the SDK of Redis."""
    os.environ["REDIS_URL"] = STORE
    os.environ["REDIS_SESSION_COOKIE_SECURE"] = "false"
    from fastapi import FastAPI
    from redis_fastapi import FastAPIRedis

    api = FastAPI()
    FastAPIRedis(api).lifespan().sessions()
    api.router.routes.extend(shop().routes)
    return api


VARIANTS: dict[str, Callable[[], Any]] = {
    "bare": bare,
    "ours": ours,
    "ours-without-near": lambda: ours(near=None),
    "ours-async": lambda: ours(save="async"),
    "starsessions": starsessions,
    "litestar": lambda: litestar(sessions=True),
    "litestar-bare": lambda: litestar(sessions=False),
    "redis-sdk": redis_sdk,
}

app = VARIANTS[os.environ.get("SOJOURN_BENCH_VARIANT", "bare")]()
