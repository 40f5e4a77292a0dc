"""Sessions of an exchange: each call goes through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

from sojourn.outbound.drivers.aiohttp.begun import begin, content_of
from sojourn.outbound.drivers.aiohttp.connections import TELLING, Connections, showing_nothing
from sojourn.outbound.drivers.aiohttp.messages import answer_of, call_of, sendable, without_cookies
from sojourn.outbound.driving import drive_async
from sojourn.outbound.messages import Request, Response, Send

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from sojourn.outbound.exchange import Exchange

__all__ = ["session"]

_OF_CALL = aiohttp.ClientTimeout()  # what a call asks for on the way is within the time of that call


def session(exchange: Exchange, **options: Any) -> aiohttp.ClientSession:
    """A session of `exchange`. `options`: as of `aiohttp.ClientSession`; a `connector` is what it sends by."""
    below, way = options.pop("connector", None), exchange.backend.way
    if below is None and way.proxy is not None:
        options.setdefault("proxy", way.proxy.url)
    connector = _Connector(exchange, owner=options.pop("connector_owner", True), how={"proxy": options.get("proxy")})
    if "cookies" not in options:  # they are put into the session's own jar
        options.setdefault("cookie_jar", aiohttp.DummyCookieJar())
    middlewares = (*options.pop("middlewares", ()), connector.middleware)
    made = aiohttp.ClientSession(exchange.backend.rules.url, connector=connector, middlewares=middlewares, **options)
    try:
        connector.open(below)
    except BaseException:
        made.detach()
        raise
    return made


class _Connector(aiohttp.BaseConnector):
    """What a session sends by: closing it ends the session's part of the exchange."""

    def __init__(self, exchange: Exchange, *, owner: bool, how: dict[str, Any]) -> None:
        """`owner`: whether what it goes by is closed, too.

        `how`: what is asked for at the end is sent, as of `ClientSession.request`.
        """
        super().__init__()
        self._exchange = exchange
        self._owner = owner
        self._how = how

    def open(self, below: aiohttp.BaseConnector | None) -> None:
        """Be part of the exchange, when there is a session that closes it. Raises `ExchangeEnded`.

        `below`: by which it goes; else connections that the back end may keep.
        """
        self._exchange.open()
        self._line, self._own = self._exchange.backend.lines.open_async(Connections, below)
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
            await drive_async(self._exchange.steps(call_of(request, url)), hands)
        except BaseException:
            hands.discard()
            raise
        return without_cookies(hands.response)

    async def close(self, *, abort_ssl: bool = False) -> None:
        """As of `aiohttp.BaseConnector`."""
        if self.closed:
            return
        await super().close(abort_ssl=abort_ssl)
        try:
            await drive_async(self._exchange.closing(), _Asking(self._line, self._how))
        finally:
            if self._own:
                await self._line.aclose(connector=self._owner)


async def _read(response: aiohttp.ClientResponse, *, whole: bool) -> bytes:
    """Its body, or the beginning of it; the application gets it for all that."""
    if not whole:
        return await begin(response)
    body = await response.read()
    response.content = content_of(body)
    return body


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

    __slots__ = ("_handler", "_line", "_request", "_sent", "_url", "response")

    response: aiohttp.ClientResponse
    """To what was sent last: there is one from the first `Send` on, and no negotiation ends without one."""

    def __init__(
        self, line: Connections, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType, url: str
    ) -> None:
        self._line = line
        self._request = request
        self._handler = handler
        self._sent = False
        self._url = url

    async def send(self, step: Send) -> Response:
        self.discard()
        headers = self._request.headers
        own: list[tuple[str, str]] = []
        for name, value in step.headers.items():
            if name in headers:
                own += [(name, each) for each in headers.popall(name)]
            if value is not None:
                headers[name] = sendable(value)
        try:
            response = self.response = await self._line.handler(self._request, self._handler)(self._request)
        except TELLING as error:
            raise showing_nothing(error) from None
        finally:  # the application sees these headers by what it gets, and they are secret
            for name in step.headers:
                headers.pop(name, None)
            for name, value in own:
                headers.add(name, value)
        self._sent = True
        answer = answer_of(response, self._url)
        if step.whole or (step.reads is not None and step.reads(answer)):
            answer.body = await _read(response, whole=step.whole)
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

    def discard(self) -> None:
        if self._sent:
            self.response.release()
