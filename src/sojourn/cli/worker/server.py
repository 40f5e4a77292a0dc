"""The HTTP server in a worker; the only file that knows granian."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from granian._granian import SocketHolder  # the class behind granian.net, where it has no public name
from granian.constants import HTTPModes, Interfaces
from granian.log import LOGGING_CONFIG, LogLevels
from granian.server.embed import Server as EmbeddedServer

if TYPE_CHECKING:
    from sojourn.cli.worker.target import Application

__all__ = ["Server", "new_event_loop"]

# Connections that a worker holds at once; what is beyond waits in the shared queue for any worker.
_CONNECTIONS = 1024


class Server:
    """Granian in this very process and event loop, on a socket that is there already."""

    def __init__(self, listener: int, connections: int = _CONNECTIONS) -> None:
        """`listener`: the number of the inherited listening socket. `connections`: how many are held at once."""
        self._granian: Any = _OnInheritedSocket(
            target=None,
            interface=Interfaces.ASGINL,  # the lifespan is ours, for errors that can be told in a line
            http=HTTPModes.auto,
            websockets=True,
            backlog=connections,
            log_level=LogLevels.error,
            log_dictconfig={"handlers": _to_stderr()},
        )
        self._granian.listener = listener
        self._granian.connections = connections

    async def serve(self, app: Application) -> None:
        """Serve until `stop`, and until requests in flight have ended."""
        self._granian.target = app
        await self._granian.serve()

    async def accepts(self) -> None:
        """Wait until connections are accepted: from then on `stop` is heard."""
        # `serve` starts a task, and that one the server, without waiting in between: three turns are enough.
        for _ in range(3):
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Accept no more, and let `serve` return when what was accepted is done."""
        self._granian.stop()


class _OnInheritedSocket(EmbeddedServer):
    listener: int
    connections: int

    def _init_shared_socket(self) -> None:
        """Take the inherited socket where granian would bind one of its own."""
        # Its stub lacks the arguments and the attribute is None until here, where mypy takes its type from.
        self._shd = SocketHolder(self.listener, False, self.connections)  # type: ignore[call-arg, assignment]  # noqa: FBT003


def _to_stderr() -> dict[str, Any]:
    """Granian logs to stdout, which belongs to the supervisor's lines."""
    handlers = cast("dict[str, dict[str, Any]]", LOGGING_CONFIG["handlers"])
    return {name: {**handler, "stream": "ext://sys.stderr"} for name, handler in handlers.items()}


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make the fastest event loop that is installed."""
    try:
        import uvloop  # not there on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
