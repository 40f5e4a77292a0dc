"""The connections that clients of httpx2 send by."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Any

import httpx2

from sojourn.outbound.drivers.httpx2.messages import answer_of, request_of
from sojourn.outbound.drivers.reading import Reading
from sojourn.outbound.drivers.way import Way
from sojourn.outbound.messages import Request, Response

__all__ = ["AsyncConnections", "Connections", "by"]

_NONE: Mapping[str, Any] = {}


class AsyncConnections:
    """Those of an event loop."""

    def __init__(self, way: Way, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """`transport`: by which it goes, instead of one that goes that way."""
        self._transport = transport or httpx2.AsyncHTTPTransport(**by(way))

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send it, whatever is answered."""
        with _quoting_nothing():
            return await self._transport.handle_async_request(request)

    async def ask(self, request: Request, extensions: Mapping[str, Any] = _NONE) -> Response:
        """Send a request of a negotiation's own. `extensions`: of the call that it is for."""
        response = await self.send(request_of(request, extensions))
        reading = Reading()
        try:
            with _quoting_nothing():
                async with contextlib.aclosing(response.aiter_bytes()) as pieces:
                    async for piece in pieces:
                        if not reading.take(piece):
                            break
            return answer_of(response, request.url, reading.body)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close them."""
        await self._transport.aclose()


class Connections:
    """Those of clients that wait."""

    def __init__(self, way: Way, transport: httpx2.BaseTransport | None = None) -> None:
        """As of `AsyncConnections`."""
        self._transport = transport or httpx2.HTTPTransport(**by(way))

    def send(self, request: httpx2.Request) -> httpx2.Response:
        """As of `AsyncConnections`."""
        with _quoting_nothing():
            return self._transport.handle_request(request)

    def ask(self, request: Request, extensions: Mapping[str, Any] = _NONE) -> Response:
        """As of `AsyncConnections`."""
        response = self.send(request_of(request, extensions))
        reading = Reading()
        with contextlib.closing(response), _quoting_nothing():
            for piece in response.iter_bytes():
                if not reading.take(piece):
                    break
            return answer_of(response, request.url, reading.body)

    def close(self) -> None:
        """Close them."""
        self._transport.close()


def by(way: Way) -> dict[str, Any]:
    """What transports of httpx2 are told of the way."""
    own: dict[str, Any] = {} if way.tls is None else {"verify": way.tls}
    if way.proxy is not None:
        headers = {"Proxy-Authorization": way.proxy.authorization} if way.proxy.authorization else {}
        own["proxy"] = httpx2.Proxy(way.proxy.url, headers=headers)
    return own


@contextlib.contextmanager
def _quoting_nothing() -> Generator[None, None, None]:
    """Have errors show nothing of an answer that is none of HTTP: it may be a cookie, or a token."""
    try:
        yield
    except httpx2.ProtocolError as error:
        error.args = (str(error).partition(":")[0],)
        error.__cause__ = error.__context__ = None
        raise
