"""Aiohttp: sessions of it whose calls go through an exchange. The back end's session is below them, in a middleware."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

from sojourn.errors import SettingError
from sojourn.outbound.drivers.reading import PIECE, Reading
from sojourn.outbound.drivers.way import Proxy, Way
from sojourn.outbound.driving import PATIENCE, drive_async
from sojourn.outbound.messages import Call, Fields, Request, Response, Send
from sojourn.outbound.visiting.pages import LONGEST

try:
    import aiohttp
    from aiohttp import payload
    from aiohttp.base_protocol import BaseProtocol
    from multidict import CIMultiDict, CIMultiDictProxy, MultiMapping
    from yarl import URL
except ModuleNotFoundError:
    raise SettingError("this exchange needs aiohttp: pip install aiohttp") from None

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from sojourn.outbound.exchange import Exchange

__all__ = ["Connections", "Connector", "session"]

_OF_CALL = aiohttp.ClientTimeout()  # what a call asks for on the way is within the time of that call
_AUTHORIZATION = "Proxy-Authorization"
_QUOTED = re.compile(r":| b?['\"]")  # where it begins, in what aiohttp says
_ENCODING, _ERRORS = "utf-8", "surrogateescape"  # how aiohttp reads and writes the octets of headers


def session(exchange: Exchange, **options: Any) -> aiohttp.ClientSession:
    """A session of `exchange`. `options`: as of `aiohttp.ClientSession`; a `connector` is what it sends by."""
    below, way = options.pop("connector", None), exchange.backend.way
    if below is None and way.proxy is not None:
        options.setdefault("proxy", way.proxy.url)
    connector = Connector(
        exchange,
        below,
        owner=options.pop("connector_owner", True),
        how={"proxy": options.get("proxy")},
    )
    if "cookies" not in options:  # they are put into the session's own jar
        options.setdefault("cookie_jar", aiohttp.DummyCookieJar())
    middlewares = (*options.pop("middlewares", ()), connector.middleware)
    made = aiohttp.ClientSession(exchange.backend.rules.url, connector=connector, middlewares=middlewares, **options)
    try:
        connector.open()
    except BaseException:
        made.detach()
        raise
    return made


class Connections:
    """The connections of an event loop."""

    def __init__(self, way: Way, connector: aiohttp.BaseConnector | None = None, *, owner: bool = True) -> None:
        """`connector`: by which it goes, instead of one that goes that way. `owner`: whether that is closed, too."""
        self.connector = connector or aiohttp.TCPConnector(ssl=way.tls or True)
        self._way = way
        self._proxy = None if way.proxy is None or connector is not None else URL(way.proxy.url)
        self._session = aiohttp.ClientSession(
            connector=self.connector,
            connector_owner=owner,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(PATIENCE),
            middlewares=(self.through,),
        )

    async def ask(self, request: Request, **how: Any) -> Response:
        """Send a request of a negotiation's own. `how`: as of `ClientSession.request`."""
        how.setdefault("proxy", self._proxy)
        reading = Reading()
        async with self._session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,
            **how,
        ) as response:
            async for piece in response.content.iter_chunked(PIECE):
                if not reading.take(piece):
                    response.close()
                    break
            return _answer(response, request.url, reading.body)

    async def through(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send it, and show the proxy who asks: in nothing that an application, a log or an error shows."""
        own = self._way.proxy
        try:
            if (
                own is None
                or not own.authorization
                or request.proxy != self._proxy
                or _AUTHORIZATION in request.headers
            ):
                return await handler(request)
            return await _shown(request, handler, own)
        except aiohttp.ClientResponseError as error:
            raise _showing_nothing(error) from None

    async def aclose(self) -> None:
        """Close them."""
        await self._session.close()


class Connector(aiohttp.BaseConnector):
    """What a session sends by: closing it ends the session's part of the exchange."""

    def __init__(
        self, exchange: Exchange, connector: aiohttp.BaseConnector | None, *, owner: bool, how: dict[str, Any]
    ) -> None:
        """`connector`: by which it goes; else connections that the back end may keep.

        `owner`: whether that is closed, too. `how`: what is asked for at the end is sent, as of
        `ClientSession.request`.
        """
        super().__init__()
        self._exchange = exchange
        self._how = how
        self._below, self._owner = connector, owner

    def open(self) -> None:
        """Be part of the exchange, when there is a session that closes it. Raises `ExchangeEnded`."""
        self._exchange.open()
        backend = self._exchange.backend
        if self._below is None:
            self._line, self._own = backend.lines.open_async(Connections)
        else:
            self._line, self._own = Connections(backend.way, self._below, owner=self._owner), True
        self.allowed_protocol_schema_set = self._line.connector.allowed_protocol_schema_set

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> Connection:
        """A connection, of those below."""
        return await self._line.connector.connect(req, traces, timeout)

    async def middleware(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """A call, through the exchange."""
        url = str(request.url)
        hands = _Hands(self._line, request, handler, url)
        try:
            await drive_async(self._exchange.steps(_call(request, url)), hands)
        except BaseException:
            hands.discard()
            raise
        return hands.result()

    async def close(self, *, abort_ssl: bool = False) -> None:
        """As of `aiohttp.BaseConnector`."""
        if self.closed:
            return
        await super().close(abort_ssl=abort_ssl)
        try:
            await drive_async(self._exchange.closing(), _Asking(self._line, self._how))
        finally:
            if self._own:
                await self._line.aclose()


class _Asking:
    """Asks by connections, in the way of one session."""

    __slots__ = ("_how", "_line")

    def __init__(self, line: Connections, how: dict[str, Any]) -> None:
        self._line = line
        self._how = how

    async def ask(self, request: Request) -> Response:
        return await self._line.ask(request, **self._how)


class _Hands:
    """At work on one call."""

    __slots__ = ("_handler", "_line", "_request", "_response", "_url")

    def __init__(
        self, line: Connections, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType, url: str
    ) -> None:
        self._line = line
        self._request = request
        self._handler = handler
        self._url = url
        self._response: aiohttp.ClientResponse | None = None

    async def send(self, step: Send) -> Response:
        self.discard()
        headers = self._request.headers
        own: list[tuple[str, str]] = []
        for name, value in step.headers.items():
            if name in headers:
                own += [(name, each) for each in headers.popall(name)]
            if value is not None:
                headers[name] = value if value.isascii() else value.encode("latin-1").decode(_ENCODING, _ERRORS)
        try:
            response = self._response = await self._line.through(self._request, self._handler)
        finally:  # the application sees these headers by what it gets, and they are secret
            for name in step.headers:
                headers.pop(name, None)
            for name, value in own:
                headers.add(name, value)
        answer = _answer(response, self._url)
        if step.whole:
            answer.body = await response.read()
            response.content = _content(answer.body)
        elif step.reads is not None and step.reads(answer):
            answer.body = await _begin(response)
        return answer

    async def ask(self, request: Request) -> Response:
        of = self._request
        return await self._line.ask(
            request,
            ssl=of.ssl,
            server_hostname=of.server_hostname,
            proxy=of.proxy,
            proxy_headers=of.proxy_headers,
            timeout=_OF_CALL,
        )

    def result(self) -> aiohttp.ClientResponse:
        if self._response is None:
            raise RuntimeError("a negotiation ended without sending the call")
        return _without_cookies(self._response)

    def discard(self) -> None:
        if self._response is not None:
            self._response.release()


async def _shown(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType, proxy: Proxy
) -> aiohttp.ClientResponse:
    """Show who asks, to a proxy that is not the application's own."""
    if not request.is_ssl():
        request.headers[_AUTHORIZATION] = proxy.authorization
        try:
            return await handler(request)
        finally:
            del request.headers[_AUTHORIZATION]
    before, request.proxy_headers = request.proxy_headers, CIMultiDict(request.proxy_headers or {})
    request.proxy_headers[_AUTHORIZATION] = proxy.authorization
    try:
        return await handler(request)
    finally:
        request.proxy_headers = before


def _showing_nothing(error: aiohttp.ClientResponseError) -> aiohttp.ClientResponseError:
    """Without what was sent, which holds what is secret, and what came, of which a line may be that of a cookie."""
    error.request_info = error.request_info._replace(headers=CIMultiDictProxy(CIMultiDict()))
    error.args = (error.request_info, error.history)
    error.message = _QUOTED.split(error.message, 1)[0]
    error.__context__ = None
    return error


def _call(request: aiohttp.ClientRequest, url: str) -> Call:
    body = request.body
    return Call(
        method=request.method,
        url=url,
        fields=_fields(request.headers),
        replayable=body == b"" or _replayable(body),
    )


def _replayable(body: Any) -> bool:
    """Whether a body is there for a second time: bytes, files, and what is made of them."""
    if isinstance(body, payload.BytesPayload | payload.BytesIOPayload):
        return True
    if isinstance(body, aiohttp.MultipartWriter):
        return all(_replayable(part) for part, *_ in body)
    return isinstance(body, payload.IOBasePayload) and body.size is not None


def _answer(response: aiohttp.ClientResponse, url: str, body: bytes | None = None) -> Response:
    return Response(response.status, url, _fields(response.headers), body)


def _fields(headers: MultiMapping[str]) -> Fields:
    def fields(name: str) -> Sequence[str]:
        values = headers.getall(name, None)
        if values is None:
            return ()
        return [each if each.isascii() else each.encode(_ENCODING, _ERRORS).decode("latin-1") for each in values]

    return fields


def _content(body: bytes) -> aiohttp.StreamReader:
    """For the application, who may read it from there."""
    content = aiohttp.StreamReader(BaseProtocol(asyncio.get_running_loop()), max(len(body), 1))
    content.feed_data(body)
    content.feed_eof()
    return content


async def _begin(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of a body, which the application reads once more for all that."""
    head, content = bytearray(), response.content
    while len(head) < LONGEST and (piece := await content.readany()):
        head += piece
    body = bytes(head)
    response.content = _content(body) if len(body) < LONGEST else _Begun(body, content)
    return body


class _Begun(aiohttp.StreamReader):
    """What was read, and then what comes."""

    def __init__(self, head: bytes, content: aiohttp.StreamReader) -> None:
        super().__init__(_Still(asyncio.get_running_loop()), len(head))
        self._content = content
        self.feed_data(head)

    async def _wait(self, func_name: str) -> None:  # noqa: ARG002 - what all that reads calls when nothing is there
        if piece := await self._content.readany():
            self.feed_data(piece)
        else:
            self.feed_eof()


class _Still(BaseProtocol):
    """Holds nobody up: that is done where it is read from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self, resume_parser: bool = True) -> None: ...  # noqa: FBT001, FBT002 - aiohttp's own


def _without_cookies(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """They are the session's, and not for the application. No method of aiohttp's takes a header off an answer."""
    if "Set-Cookie" in response.headers:
        response.cookies = SimpleCookie()
        headers = CIMultiDict(response.headers)
        del headers["Set-Cookie"]
        response._headers = CIMultiDictProxy(headers)  # noqa: SLF001
        response._raw_headers = tuple(pair for pair in response._raw_headers if pair[0].lower() != b"set-cookie")  # noqa: SLF001
        response._cache.pop("headers", None)  # noqa: SLF001
    return response
