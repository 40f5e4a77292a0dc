"""Figures: what a worker has counted, for its supervisor to ask."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sojourn import Sessions
from sojourn.cli.scrape import Endpoint
from sojourn.telemetry.prometheus import Prometheus

__all__ = ["figures"]


@asynccontextmanager
async def figures(sessions: Sessions) -> AsyncIterator[int]:
    """Count what happens to `sessions`; the port of the loopback that tells it for as long as the context lasts."""
    prometheus = Prometheus()
    prometheus.watch(sessions)

    async def text() -> bytes:
        return prometheus.text()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the name of the method says what it is
        async with Endpoint(listener, text):
            yield int(listener.getsockname()[1])
