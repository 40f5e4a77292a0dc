"""The process of a fake back end: a listening socket, the server, and what stops it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import threading
from collections.abc import Callable

from sojourn.cli.listener import listen, url_of
from sojourn.cli.worker.server import Server
from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.server.app import App
from sojourn.testing.backend.server.remote import PREFIX
from sojourn.testing.backend.started import Started

__all__ = ["serve"]

_STDIN = 0


async def serve(behaviour: Behaviour, host: str, port: int, tell: Callable[[Started], None], *, held: bool) -> None:
    """Serve until SIGTERM or SIGINT; with `held` until the process at the other end of stdin has gone, too.

    `tell` is called when requests are answered. Raises `Mistake` for an address that cannot be had.
    """
    key = secrets.token_urlsafe(24)
    app = App(behaviour, key)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with listen(host, port) as listener:
        server = Server(listener.fileno())
        serving = asyncio.create_task(server.serve(app))
        await server.accepts()
        if held:
            threading.Thread(target=_follow_stdin, daemon=True).start()
        url = url_of(listener)
        tell(Started(url=url, control=f"{url}{PREFIX}{key}/"))
        await stop.wait()
        app.service.faults.clear()  # what is held would be waited for
        server.stop()
        await serving


def _follow_stdin() -> None:
    """Stop when who holds the other end has gone, however that went."""
    while os.read(_STDIN, 4096):  # not through `sys.stdin`, whose lock would hold up the end of the process
        pass
    os.kill(os.getpid(), signal.SIGTERM)
