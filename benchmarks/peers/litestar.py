"""The shop on Litestar."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, get, post
from litestar.middleware.session.server_side import ServerSideSessionConfig
from litestar.stores.redis import RedisStore

from benchmarks.peers.cart import cart, count

__all__ = ["bare", "shop"]


@get("/plain")
async def plain() -> dict[str, int]:
    """Answer without a session."""
    return count(None)


@get("/{size:str}")
async def read(request: Request[Any, Any, Any], size: str) -> dict[str, int]:
    """Answer what is in the cart."""
    return count(request.session.get("cart"))


@post("/{size:str}", status_code=200)
async def write(request: Request[Any, Any, Any], size: str) -> dict[str, int]:
    """Change the cart; the first time, fill it."""
    found = request.session.get("cart") or cart(size)
    found["changes"] += 1
    request.session["cart"] = found
    return count(found)


@get("/{size:str}")
async def read_nothing(size: str) -> dict[str, int]:
    """Answer without a session."""
    return count(None)


@post("/{size:str}", status_code=200)
async def write_nothing(size: str) -> dict[str, int]:
    """Answer without a session."""
    return count(None)


def shop(url: str) -> Litestar:
    """With its server-side sessions."""
    config = ServerSideSessionConfig(secure=False, max_age=1800, renew_on_access=True)
    store = RedisStore.with_client(url)
    return Litestar([plain, read, write], middleware=[config.middleware], stores={"sessions": store})


def bare() -> Litestar:
    """Without sessions."""
    return Litestar([plain, read_nothing, write_nothing])
