"""Real servers in threads of this process, on free ports of the loopback; and the contract over shared stores.

class TestPlain(OverStores):
    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_asgi(plain.application(sessions)) as url:
            yield url
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
import uvicorn

from sojourn.testing import AppContract

__all__ = ["OverStores", "serve_asgi", "serve_wsgi"]

PATIENCE = 30.0  # seconds after which a server is taken to have failed


class OverStores(AppContract):
    """The contract, over each store that processes can share."""

    @pytest.fixture(scope="class")
    @classmethod
    def address(cls, store_address: str) -> str:
        return store_address


@contextlib.contextmanager
def serve_asgi(app: Any, **settings: Any) -> Iterator[str]:
    """Serve an ASGI application by uvicorn. `settings`: of `uvicorn.Config`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_config=None, log_level="critical", access_log=False, **settings)
        server = _Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), name="uvicorn")
        thread.start()
        try:
            server.settled.wait(PATIENCE)
            assert server.started, "the application did not start"
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            if server.started:
                server.stop()
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the server did not stop"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()
        self._over = asyncio.Event()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)

    async def main_loop(self) -> None:
        await self._over.wait()  # in place of a look every 0.1 s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await super().startup(sockets)
        finally:
            self.settled.set()


@contextlib.contextmanager
def serve_wsgi(app: Any) -> Iterator[str]:
    """Serve a WSGI application, each request in a thread of its own."""
    with _Threads(("127.0.0.1", 0), _Quiet) as server:
        server.set_app(app)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="wsgiref")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(PATIENCE)


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = False  # so that closing the server waits for what is under way
    request_queue_size = 128

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()  # the name of this machine costs a look-up
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""
