"""The ASGI lifespan of one application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sojourn.cli.worker.target import Application, Message, Receive, Scope, Send

__all__ = ["Lifespan"]


class Lifespan:
    """Starts and stops an application; one that knows no lifespan is served without."""

    def __init__(self, app: Application) -> None:
        """Nothing happens yet."""
        self._app = app
        self._state: dict[str, Any] = {}
        self._requests: asyncio.Queue[Message] = asyncio.Queue()
        self._replies: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Wait until the application is ready; raise what it raises, `RuntimeError` for a failure without exception."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        task = asyncio.create_task(self._run(scope))
        reply = await self._ask(task, "lifespan.startup")
        if reply is None:
            if task.done() and not task.cancelled():
                task.exception()  # how an application says, by the specification, that it knows no lifespan
            return
        if reply["type"] == "lifespan.startup.failed":
            # Frameworks send the whole traceback and then raise: the exception can be told in a line.
            await asyncio.wait({task}, timeout=1)
            raise (task.exception() if task.done() else None) or RuntimeError(reply.get("message", ""))
        self._task = task

    async def stop(self) -> None:
        """Let the application close what it opened; raise what it raises."""
        if self._task is not None:
            await self._ask(self._task, "lifespan.shutdown")
            await self._task

    @property
    def app(self) -> Application:
        """The application, with the state that its lifespan set in the scope of each request."""
        if not self._state:
            return self._app

        def with_state(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            scope["state"] = self._state.copy()
            return self._app(scope, receive, send)

        return with_state

    async def _run(self, scope: Scope) -> None:
        await self._app(scope, self._requests.get, self._replies.put)

    async def _ask(self, task: asyncio.Task[None], what: str) -> Message | None:
        """Send one message and wait for the reply; None when the application returned or raised instead."""
        self._requests.put_nowait({"type": what})
        reply = asyncio.create_task(self._replies.get())
        await asyncio.wait({reply, task}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)  # a reply just before the end counts
        if reply.done():
            return reply.result()
        reply.cancel()
        return None
