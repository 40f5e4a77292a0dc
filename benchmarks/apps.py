"""One application, the cart, with each way of keeping sessions: `app`, as the environment names it."""

from __future__ import annotations

import os
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sojourn import Cookie, Sessions
from sojourn.inbound.asgi import SessionMiddleware

__all__ = ["VARIANTS", "app"]

CART = {"items": [{"sku": f"sku-{n}", "quantity": n, "price": 9.5} for n in range(8)], "changes": 0}

VARIANTS = {
    "bare": "no sessions at all",
    "memory": "Sojourn, memory:",
    "sqlite": "Sojourn, SQLite, survives kill -9",
    "sqlite-full": "Sojourn, SQLite, survives a power cut",
    "starsessions": "starsessions 2.2.1 on Valkey",
}


async def plain(_request: Request) -> Response:
    """Answer without a session."""
    return JSONResponse(CART)


async def read(request: Request) -> Response:
    """Answer what is in the cart."""
    return JSONResponse(request.session.get("cart"))


async def write(request: Request) -> Response:
    """Change the cart; the first time, fill it."""
    cart = request.session.setdefault("cart", {**CART})
    cart["changes"] += 1
    return JSONResponse(cart)


def bare() -> Starlette:
    """The application with nothing around it: every path answers the same cart."""
    paths = [("/plain", "GET"), ("/cart", "GET"), ("/cart", "POST")]
    return Starlette(routes=[Route(path, plain, methods=[method]) for path, method in paths])


def with_sessions(*middleware: Middleware) -> Starlette:
    """The application with sessions."""
    routes = [Route("/plain", plain), Route("/cart", read), Route("/cart", write, methods=["POST"])]
    return Starlette(routes=routes, middleware=middleware)


def peer(url: str) -> Starlette:
    """The application on starsessions, which loads each session as ours does: before the handler."""
    from starsessions import SessionAutoloadMiddleware
    from starsessions import SessionMiddleware as PeerMiddleware
    from starsessions.stores.redis import RedisStore

    settings: dict[str, Any] = {"lifetime": 1800, "rolling": True, "cookie_https_only": False}
    store = RedisStore(url)
    return with_sessions(Middleware(PeerMiddleware, store=store, **settings), Middleware(SessionAutoloadMiddleware))


def chosen() -> Starlette:
    """The application of the variant in the environment."""
    variant, url = os.environ.get("SOJOURN_BENCH_VARIANT", "bare"), os.environ.get("SOJOURN_BENCH_STORE", "")
    if variant == "bare":
        return bare()
    if variant == "starsessions":
        return peer(url)
    return with_sessions(Middleware(SessionMiddleware, Sessions(url, cookie=Cookie.development())))


app = chosen()
