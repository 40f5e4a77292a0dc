"""Lasting: what outlives the call of a handler: WebSockets, and bodies that are made while they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextvars import copy_context
from types import TracebackType
from typing import Any

from quart import Websocket
from quart.wrappers.response import IterableBody, ResponseBody
from werkzeug.datastructures import Headers

from sojourn.inbound.answers.visit import Visit

__all__ = ["EventStream", "Socket", "Stream", "finish"]

SWITCHING = 101  # RFC 9110 §15.2.2: what accepts a WebSocket


class Socket:
    """Stands in the place of what a WebSocket can do, so that its session goes along."""

    def __init__(self, visit: Visit, socket: Websocket, start: Callable[[Headers, int], Awaitable[None]]) -> None:
        """`start`: carries out what was done with the session before the answer to the handshake."""
        self._visit = visit
        self._start = start
        self._accept, self._receive, self._send, self._close = socket.accept, socket.receive, socket.send, socket.close
        for method in (self.accept, self.receive, self.send):
            setattr(socket, method.__name__, method)

    async def accept(self, headers: dict[str, str] | Headers | None = None, subprotocol: str | None = None) -> None:
        """As Quart's; the cookies go along."""
        headers = Headers(headers)
        if self._visit.started:
            # Quart comes here before each message, too, and again after a pause.
            if self._visit.attendance is not None and self._visit.attendance.over:
                raise asyncio.CancelledError  # as when the visitor leaves
            await self._accept(headers, subprotocol)
            return
        await self._start(headers, SWITCHING)
        await self._accept(headers, subprotocol)
        self._visit.attend(self._close)

    async def receive(self) -> str | bytes:
        """As Quart's."""
        await self.accept()
        attendance = self._visit.attendance
        if attendance is None:
            return await self._receive()
        message = await attendance.hear(self._receive)
        if message is None:
            raise asyncio.CancelledError
        return message

    async def send(self, data: str | bytes) -> None:
        """As Quart's."""
        await self.accept()
        if self._visit.attendance is not None:
            self._visit.attendance.sent()
        await self._send(data)


class Stream(ResponseBody):
    """A body that is made while it is sent: its end is that of the request."""

    def __init__(self, body: IterableBody, visit: Visit) -> None:
        self._body = body
        self._visit = visit

    async def __aenter__(self) -> AsyncIterable[Any]:
        return await self._body.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = kind is not None
        try:
            await self._body.__aexit__(kind, error, trace)  # type: ignore[arg-type]
        except BaseException:
            failed = True
            raise
        finally:
            await finish(self._visit, failed=failed)


class EventStream(Stream):
    """A stream of server-sent events: it ends with its session."""

    async def __aenter__(self) -> AsyncIterable[Any]:
        self._parts = aiter(await super().__aenter__())
        self._context = copy_context()  # one for all of its steps, as it may set variables and reset them
        self._ended = asyncio.Event()
        self._visit.attend(self._end)
        return self._until_it_ends()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(self._parts, AsyncGenerator):
                await self._in_context(self._parts.aclose())
        finally:
            await super().__aexit__(kind, error, trace)

    async def _until_it_ends(self) -> AsyncIterator[Any]:
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            while True:
                step = self._in_context(anext(self._parts))
                try:
                    await asyncio.wait([step, ended], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    step.cancel()
                    await asyncio.wait([step])
                try:
                    part = step.result()
                except (StopAsyncIteration, asyncio.CancelledError):
                    return
                if self._visit.attendance is not None:
                    if self._visit.attendance.over:
                        return  # while this part was made
                    self._visit.attendance.sent()
                yield part
        finally:
            ended.cancel()

    async def _end(self, _: int) -> None:
        self._ended.set()

    def _in_context(self, step: Awaitable[Any]) -> asyncio.Task[Any]:
        async def run() -> Any:
            return await step

        return asyncio.get_running_loop().create_task(run(), context=self._context)


async def finish(visit: Visit, *, failed: bool = False) -> None:
    """The last of a request. In a task of its own, since Quart cancels a handler whose visitor has left, also now."""
    finishing = asyncio.ensure_future(_finished(visit, failed=failed))
    _finishing.add(finishing)
    finishing.add_done_callback(_finishing.discard)
    try:
        await asyncio.shield(finishing)
    except asyncio.CancelledError:
        finishing.add_done_callback(_heed)
        raise


_finishing = set[asyncio.Future[None]]()


async def _finished(visit: Visit, *, failed: bool) -> None:
    try:
        if not visit.over:
            await visit.finish(failed=failed)
    finally:
        visit.close()
        visit.session.visit = None  # type: ignore[attr-defined]  # or the two would wait for the garbage collector


def _heed(finishing: asyncio.Future[None]) -> None:
    """Take note of a failure that nobody waits to hear; what could not be stored is in the log already."""
    if not finishing.cancelled():
        finishing.exception()
