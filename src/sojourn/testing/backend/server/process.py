"""The process of a fake back end: a listening socket, the server, and what stops it."""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sojourn.cli.listener import listen, url_of
from sojourn.cli.worker.server import Server
from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.server.app import App
from sojourn.testing.backend.server.remote import PREFIX
from sojourn.testing.backend.server.wire import Wire
from sojourn.testing.backend.started import Started

__all__ = ["serve"]

_STDIN = 0
_CONNECTIONS = 1 << 14  # some clients open one for each of ten thousand calls, and keep it
_OTHER_FILES = 256
_LOOPBACK = "127.0.0.1"


async def serve(behaviour: Behaviour, host: str, port: int, tell: Callable[[Started], None], *, held: bool) -> None:
    """Serve until SIGTERM or SIGINT; with `held` until the process at the other end of stdin has gone, too.

    `tell` is called when requests are answered. Raises `Mistake` for an address that cannot be had.
    """
    _allow_files()
    key = secrets.token_urlsafe(24)
    app = App(behaviour, key)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _listening(behaviour.cookie_header, host, port) as (url, listener):
        server = Server(listener, _CONNECTIONS)
        serving = asyncio.create_task(server.serve(app))
        await server.accepts()
        if held:
            threading.Thread(target=_follow_stdin, daemon=True).start()
        tell(Started(url=url, control=f"{url}{PREFIX}{key}/"))
        await stop.wait()
        app.service.faults.clear()  # what is held would be waited for
        server.stop()
        await serving


@asynccontextmanager
async def _listening(name: str, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Listen: the address for clients, and the socket of the server, which is the server's to close."""
    public = listen(host, port)
    url = url_of(public)
    if name == "set-cookie":  # as the server writes it
        yield url, public.detach()
        return
    inner = listen(_LOOPBACK, 0)
    async with Wire(public, inner.getsockname(), name):
        yield url, inner.detach()


def _allow_files() -> None:
    """Have as many files open as there may be connections, where the system lets this user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _follow_stdin() -> None:
    """Stop when who holds the other end has gone, however that went."""
    while os.read(_STDIN, 4096):  # not through `sys.stdin`, whose lock would hold up the end of the process
        pass
    os.kill(os.getpid(), signal.SIGTERM)
