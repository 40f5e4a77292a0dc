"""Httpx2: clients of it whose calls go through an exchange. The session is below them, so their own jars stay empty."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sojourn.errors import SettingError
from sojourn.outbound.drivers.reading import Reading
from sojourn.outbound.drivers.way import Way
from sojourn.outbound.driving import PATIENCE, drive, drive_async
from sojourn.outbound.messages import Call, Fields, Request, Response, Send
from sojourn.outbound.visiting.pages import LONGEST

try:
    import httpx2
except ModuleNotFoundError:
    raise SettingError("this exchange needs httpx2: pip install 'sojourn[outbound]'") from None

if TYPE_CHECKING:
    from sojourn.outbound.exchange import Exchange

__all__ = ["FAILURES", "AsyncConnections", "AsyncTransport", "Connections", "Transport", "async_client", "client"]


FAILURES: tuple[type[Exception], ...] = (httpx2.HTTPError, httpx2.InvalidURL)
"""What a call can come to besides an answer."""

_OF_CONNECTIONS = ("verify", "cert", "http1", "http2", "limits", "proxy")
_NONE: Mapping[str, Any] = {}


def async_client(exchange: Exchange, **options: Any) -> httpx2.AsyncClient:
    """A client of `exchange`. `options`: as of `httpx2.AsyncClient`; a `transport` is what it sends by."""
    own, below = _taken(options), options.pop("transport", None)
    if own and below is None:
        below = httpx2.AsyncHTTPTransport(**_by(exchange.backend.way) | own)
    transport = AsyncTransport(exchange, below)
    made = httpx2.AsyncClient(transport=transport, base_url=exchange.backend.rules.url, **options)
    transport.open()
    return made


def client(exchange: Exchange, **options: Any) -> httpx2.Client:
    """As `async_client`, for threads."""
    own, below = _taken(options), options.pop("transport", None)
    if own and below is None:
        below = httpx2.HTTPTransport(**_by(exchange.backend.way) | own)
    transport = Transport(exchange, below)
    made = httpx2.Client(transport=transport, base_url=exchange.backend.rules.url, **options)
    transport.open()
    return made


def _taken(options: dict[str, Any]) -> dict[str, Any]:
    """What is said of connections: else the client leaves it out, or goes past the exchange for it."""
    if "mounts" in options:
        raise SettingError("mounts= goes past the exchange; give transport=, or proxy=")
    return {name: options.pop(name) for name in _OF_CONNECTIONS if name in options}


def _by(way: Way) -> dict[str, Any]:
    """What transports of httpx2 are told of the way."""
    own: dict[str, Any] = {} if way.tls is None else {"verify": way.tls}
    if way.proxy is not None:
        headers = {"Proxy-Authorization": way.proxy.authorization} if way.proxy.authorization else {}
        own["proxy"] = httpx2.Proxy(way.proxy.url, headers=headers)
    return own


def _quoting_nothing(error: httpx2.ProtocolError) -> httpx2.ProtocolError:
    """Without the line of an answer that is none of HTTP: it may be that of a cookie."""
    error.args = (str(error).partition(":")[0],)
    error.__context__ = None
    return error


class AsyncConnections:
    """The connections of an event loop."""

    def __init__(self, way: Way, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """`transport`: by which it goes, instead of one that goes that way."""
        self.transport = transport or httpx2.AsyncHTTPTransport(**_by(way))

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send it."""
        try:
            return await self.transport.handle_async_request(request)
        except httpx2.ProtocolError as error:
            raise _quoting_nothing(error) from None

    async def ask(self, request: Request, extensions: Mapping[str, Any] = _NONE) -> Response:
        """Send a request of a negotiation's own. `extensions`: of the call that it is for."""
        response = await self.send(_request(request, extensions))
        reading = Reading()
        try:
            async with contextlib.aclosing(response.aiter_bytes()) as pieces:
                async for piece in pieces:
                    if not reading.take(piece):
                        break
            return _answer(response, request.url, reading.body)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close them."""
        await self.transport.aclose()


class AsyncTransport(httpx2.AsyncBaseTransport):
    """What a client sends by: closing it ends the client's part of the exchange."""

    def __init__(self, exchange: Exchange, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """`transport`: by which it goes; else connections that the back end may keep."""
        self._exchange = exchange
        if transport is None:
            self._line, self._own = exchange.backend.lines.open_async(AsyncConnections)
        else:
            self._line, self._own = AsyncConnections(exchange.backend.way, transport), True

    def open(self) -> None:
        """Be part of the exchange, when there is a client that closes it. Raises `ExchangeEnded`."""
        self._exchange.open()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        hands = _AsyncHands(self._line, request)
        try:
            await drive_async(self._exchange.steps(_call(request)), hands)
        except BaseException:
            await hands.discard()
            raise
        return hands.result()

    async def aclose(self) -> None:
        try:
            await drive_async(self._exchange.closing(), self._line)
        finally:
            if self._own:
                await self._line.aclose()


class _AsyncHands:
    """At work on one call."""

    __slots__ = ("_line", "_request", "_response")

    def __init__(self, line: AsyncConnections, request: httpx2.Request) -> None:
        self._line = line
        self._request = request
        self._response: httpx2.Response | None = None

    async def send(self, step: Send) -> Response:
        await self.discard()
        response = self._response = await self._line.send(_with(self._request, step))
        answer = _answer(response, str(self._request.url))
        if step.whole:
            answer.body = await response.aread()
        elif step.reads is not None and step.reads(answer):
            response.stream = begun = _AsyncBegun(response.stream)
            answer.body = _decoded(response, await begun.begin())
        return answer

    async def ask(self, request: Request) -> Response:
        return await self._line.ask(request, self._request.extensions)

    def result(self) -> httpx2.Response:
        return _without_cookies(self._response)

    async def discard(self) -> None:
        if self._response is not None:
            await self._response.aclose()


class Connections:
    """The connections of clients that wait."""

    def __init__(self, way: Way, transport: httpx2.BaseTransport | None = None) -> None:
        """`transport`: by which it goes, instead of one that goes that way."""
        self.transport = transport or httpx2.HTTPTransport(**_by(way))

    def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send it."""
        try:
            return self.transport.handle_request(request)
        except httpx2.ProtocolError as error:
            raise _quoting_nothing(error) from None

    def ask(self, request: Request, extensions: Mapping[str, Any] = _NONE) -> Response:
        """Send a request of a negotiation's own. `extensions`: of the call that it is for."""
        response = self.send(_request(request, extensions))
        reading = Reading()
        try:
            for piece in response.iter_bytes():
                if not reading.take(piece):
                    break
            return _answer(response, request.url, reading.body)
        finally:
            response.close()

    def close(self) -> None:
        """Close them."""
        self.transport.close()


class Transport(httpx2.BaseTransport):
    """As `AsyncTransport`, for threads."""

    def __init__(self, exchange: Exchange, transport: httpx2.BaseTransport | None = None) -> None:
        """`transport`: by which it goes; else connections that the back end may keep."""
        self._exchange = exchange
        if transport is None:
            self._line, self._own = exchange.backend.lines.open(Connections)
        else:
            self._line, self._own = Connections(exchange.backend.way, transport), True

    def open(self) -> None:
        """As of `AsyncTransport`."""
        self._exchange.open()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        hands = _Hands(self._line, request)
        try:
            drive(self._exchange.steps(_call(request)), hands)
        except BaseException:
            hands.discard()
            raise
        return hands.result()

    def close(self) -> None:
        try:
            drive(self._exchange.closing(), self._line)
        finally:
            if self._own:
                self._line.close()


class _Hands:
    """At work on one call."""

    __slots__ = ("_line", "_request", "_response")

    def __init__(self, line: Connections, request: httpx2.Request) -> None:
        self._line = line
        self._request = request
        self._response: httpx2.Response | None = None

    def send(self, step: Send) -> Response:
        self.discard()
        response = self._response = self._line.send(_with(self._request, step))
        answer = _answer(response, str(self._request.url))
        if step.whole:
            answer.body = response.read()
        elif step.reads is not None and step.reads(answer):
            response.stream = begun = _Begun(response.stream)
            answer.body = _decoded(response, begun.begin())
        return answer

    def ask(self, request: Request) -> Response:
        return self._line.ask(request, self._request.extensions)

    def result(self) -> httpx2.Response:
        return _without_cookies(self._response)

    def discard(self) -> None:
        if self._response is not None:
            self._response.close()


class _AsyncBegun(httpx2.AsyncByteStream):
    """A body that was read for a while, from its beginning."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._pieces = aiter(stream)
        self._head: list[bytes] = []

    async def begin(self) -> list[bytes]:
        """Read what fits; it is read once more for all that."""
        left = LONGEST
        while left > 0 and (piece := await anext(self._pieces, None)) is not None:
            self._head.append(piece)
            left -= len(piece)
        if left > 0:  # that is all, and the connection is free
            await self.aclose()
        return self._head

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._head:
            yield piece
        async for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        if isinstance(self._pieces, AsyncGenerator):
            await self._pieces.aclose()
        await self._stream.aclose()


class _Begun(httpx2.SyncByteStream):
    """As `_AsyncBegun`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._pieces = iter(stream)
        self._head: list[bytes] = []

    def begin(self) -> list[bytes]:
        left = LONGEST
        while left > 0 and (piece := next(self._pieces, None)) is not None:
            self._head.append(piece)
            left -= len(piece)
        if left > 0:
            self.close()
        return self._head

    def __iter__(self) -> Iterator[bytes]:
        return itertools.chain(self._head, self._pieces)

    def close(self) -> None:
        self._stream.close()


def _decoded(response: httpx2.Response, head: list[bytes]) -> bytes:
    """As far as it goes: of what is wrong with it, the application learns when it reads it."""
    reading = Reading()
    packed = {"Content-Encoding": response.headers.get("content-encoding", "identity")}
    with contextlib.suppress(httpx2.DecodingError):
        for piece in httpx2.Response(200, headers=packed, content=iter(head)).iter_bytes():
            if not reading.take(piece):
                break
    return reading.body


def _call(request: httpx2.Request) -> Call:
    return Call(
        method=request.method,
        url=str(request.url),
        fields=_fields(request.headers),
        replayable=isinstance(request.stream, httpx2.ByteStream),
    )


def _with(request: httpx2.Request, step: Send) -> httpx2.Request:
    """A request that can be sent while the application's own stays as it is, without anything secret in it."""
    headers = httpx2.Headers(request.headers, encoding="latin-1")  # the octets of a cookie may be any
    for name, value in step.headers.items():
        if value is not None:
            headers[name] = value
        elif name in headers:
            del headers[name]
    return httpx2.Request(
        request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
    )


def _request(request: Request, extensions: Mapping[str, Any]) -> httpx2.Request:
    timeout = extensions.get("timeout") or httpx2.Timeout(PATIENCE).as_dict()
    return httpx2.Request(
        request.method,
        request.url,
        headers=list(request.headers),
        content=request.body or None,
        extensions={"timeout": timeout},
    )


def _answer(response: httpx2.Response, url: str, body: bytes | None = None) -> Response:
    return Response(response.status_code, url, _fields(response.headers), body)


def _fields(headers: httpx2.Headers) -> Fields:
    def fields(name: str) -> list[str]:
        values = headers.get_list(name)
        return [each if each.isascii() else each.encode(headers.encoding).decode("latin-1") for each in values]

    return fields


def _without_cookies(response: httpx2.Response | None) -> httpx2.Response:
    if response is None:
        raise RuntimeError("a negotiation ended without sending the call")
    if "set-cookie" in response.headers:  # they are the session's, and not for the jar of the client
        del response.headers["set-cookie"]
    return response
