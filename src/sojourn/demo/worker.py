"""This worker process, and how it is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from starlette.requests import Request

from sojourn.demo import DEMO

__all__ = ["die_after", "may_die"]


def may_die() -> bool:
    """Whether killing this process does no harm; anywhere else the shop has no button for it."""
    return DEMO in os.environ


async def die_after(request: Request) -> None:
    """Kill this process with `kill -9` once the response to `request` has left it.

    The response closes the connection, and the server says when that has happened: it is in the visitor's hands then.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    os.kill(os.getpid(), signal.SIGKILL)
