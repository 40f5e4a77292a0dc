"""aiohttp's own server, in a thread of this process, on a free port of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from aiohttp import web

__all__ = ["serve_aiohttp"]

PATIENCE = 30.0  # seconds after which a server is taken to have failed


@contextlib.contextmanager
def serve_aiohttp(app: web.Application, **settings: Any) -> Iterator[str]:
    """Serve an application of aiohttp.web. `settings`: of `web.AppRunner`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="aiohttp")
    thread.start()
    try:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=5, **settings)
        try:
            yield asyncio.run_coroutine_threadsafe(_started(runner), loop).result(PATIENCE)
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


async def _started(runner: web.AppRunner) -> str:
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"
