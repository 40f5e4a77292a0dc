"""A shop and a blog in one process, told apart by path: each with sessions of its own, under one id."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tests.fixtures import site

from sojourn import Cookie, Sessions
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.store import open_store

Send = Callable[..., Awaitable[None]]

_store = open_store(os.environ["SITE_STORE"])
_cookie = Cookie(name="sid", secure=False)
_applications = {
    name: SessionMiddleware(site.app, Sessions(_store, app=name, share_id=True, cookie=_cookie))
    for name in ("shop", "blog")
}


async def app(scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Send) -> None:
    """`/shop/…` is the shop's, `/blog/…` the blog's."""
    if scope["type"] == "lifespan":
        await site.app(scope, receive, send)
        return
    name, _, rest = scope["path"][1:].partition("/")
    await _applications[name]({**scope, "root_path": f"/{name}", "path": f"/{rest}"}, receive, send)
