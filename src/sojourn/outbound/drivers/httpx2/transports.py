"""What clients of httpx2 send by: each call goes through the exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import httpx2

from sojourn.outbound.drivers.httpx2.begun import AsyncBegun, Begun, decoded
from sojourn.outbound.drivers.httpx2.connections import AsyncConnections, Connections
from sojourn.outbound.drivers.httpx2.messages import answer_of, call_of, with_headers, without_cookies
from sojourn.outbound.driving import drive, drive_async
from sojourn.outbound.messages import Request, Response, Send

if TYPE_CHECKING:
    from sojourn.outbound.exchange import Exchange

__all__ = ["AsyncTransport", "Transport"]

L = TypeVar("L")


class AsyncTransport(httpx2.AsyncBaseTransport):
    """What a client sends by: closing it ends the client's part of the exchange."""

    def __init__(self, exchange: Exchange, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """`transport`: by which it goes; else connections that the back end may keep."""
        self._exchange = exchange
        self._line, self._own = exchange.backend.lines.open_async(AsyncConnections, transport)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        hands = _AsyncHands(self._line, request)
        try:
            await drive_async(self._exchange.steps(call_of(request)), hands)
        except BaseException:
            await hands.discard()
            raise
        return without_cookies(hands.response)

    async def aclose(self) -> None:
        try:
            await drive_async(self._exchange.closing(), self._line)
        finally:
            if self._own:
                await self._line.aclose()


class Transport(httpx2.BaseTransport):
    """As `AsyncTransport`, for threads."""

    def __init__(self, exchange: Exchange, transport: httpx2.BaseTransport | None = None) -> None:
        """As of `AsyncTransport`."""
        self._exchange = exchange
        self._line, self._own = exchange.backend.lines.open(Connections, transport)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        hands = _Hands(self._line, request)
        try:
            drive(self._exchange.steps(call_of(request)), hands)
        except BaseException:
            hands.discard()
            raise
        return without_cookies(hands.response)

    def close(self) -> None:
        try:
            drive(self._exchange.closing(), self._line)
        finally:
            if self._own:
                self._line.close()


class _AtWork(Generic[L]):
    """At work on one call."""

    __slots__ = ("_line", "_request", "response")

    response: httpx2.Response
    """To what was sent last: there is one from the first `Send` on, and no negotiation ends without one."""

    def __init__(self, line: L, request: httpx2.Request) -> None:
        self._line = line
        self._request = request


class _AsyncHands(_AtWork[AsyncConnections]):
    __slots__ = ()

    async def send(self, step: Send) -> Response:
        await self.discard()
        response = self.response = await self._line.send(with_headers(self._request, step.headers))
        answer = answer_of(response, str(self._request.url))
        if step.whole:
            answer.body = await response.aread()
        elif step.reads is not None and step.reads(answer):
            response.stream = begun = AsyncBegun(response.stream)
            answer.body = decoded(response, await begun.begin())
        return answer

    async def ask(self, request: Request) -> Response:
        return await self._line.ask(request, self._request.extensions)

    async def discard(self) -> None:
        if hasattr(self, "response"):
            await self.response.aclose()


class _Hands(_AtWork[Connections]):
    __slots__ = ()

    def send(self, step: Send) -> Response:
        self.discard()
        response = self.response = self._line.send(with_headers(self._request, step.headers))
        answer = answer_of(response, str(self._request.url))
        if step.whole:
            answer.body = response.read()
        elif step.reads is not None and step.reads(answer):
            response.stream = begun = Begun(response.stream)
            answer.body = decoded(response, begun.begin())
        return answer

    def ask(self, request: Request) -> Response:
        return self._line.ask(request, self._request.extensions)

    def discard(self) -> None:
        if hasattr(self, "response"):
            self.response.close()
