"""The connections that sessions of aiohttp send by."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from sojourn.outbound.drivers.aiohttp.messages import answer_of
from sojourn.outbound.drivers.reading import PIECE, Reading
from sojourn.outbound.drivers.way import Proxy, Way
from sojourn.outbound.driving import PATIENCE
from sojourn.outbound.messages import Request, Response

__all__ = ["TELLING", "Connections", "showing_nothing"]

TELLING = (aiohttp.ClientResponseError, aiohttp.ServerDisconnectedError)
"""Errors that hold what was sent, or what came."""

_AUTHORIZATION = "Proxy-Authorization"
_QUOTED = re.compile(r":| b?['\"]")  # where it begins, in what aiohttp says


class Connections:
    """Those of an event loop."""

    def __init__(self, way: Way, connector: aiohttp.BaseConnector | None = None) -> None:
        """`connector`: by which it goes, instead of one that goes that way."""
        self.connector = connector or aiohttp.TCPConnector(ssl=way.tls or True)
        self._way = way
        self._proxy = None if way.proxy is None or connector is not None else URL(way.proxy.url)
        self._session = aiohttp.ClientSession(
            connector=self.connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(PATIENCE),
            middlewares=(self.through,),
        )

    async def ask(self, request: Request, **how: Any) -> Response:
        """Send a request of a negotiation's own. `how`: as of `ClientSession.request`."""
        how = {"proxy": self._proxy, "data": request.body or None, "allow_redirects": False, **how}
        reading = Reading()
        async with self._session.request(request.method, request.url, headers=request.headers, **how) as response:
            try:
                async for piece in response.content.iter_chunked(PIECE):
                    if not reading.take(piece):
                        response.close()
                        break
            except aiohttp.ClientPayloadError as error:
                raise showing_nothing(error) from None
            return answer_of(response, request.url, reading.body)

    async def through(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send it, and show the proxy who asks: in nothing that an application, a log or an error shows."""
        try:
            return await self.handler(request, handler)(request)
        except TELLING as error:
            raise showing_nothing(error) from None

    def handler(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientHandlerType:
        """What sends it: `handler`, unless a proxy that is not the application's own is to be shown who asks."""
        own = self._way.proxy
        if own is None or not own.authorization:
            return handler
        if request.proxy != self._proxy or _AUTHORIZATION in request.headers:
            return handler
        return partial(_shown, handler, own)

    async def aclose(self, *, connector: bool = True) -> None:
        """Close them. `connector`: also where that is the application's."""
        if not connector:
            self._session.detach()
        await self._session.close()


async def _shown(
    handler: aiohttp.ClientHandlerType, proxy: Proxy, request: aiohttp.ClientRequest
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


def showing_nothing(error: aiohttp.ClientError) -> aiohttp.ClientError:
    """Without what was sent, which holds what is secret, and what came, which may be a cookie, or a token."""
    error.__context__ = None
    if isinstance(error, aiohttp.ClientResponseError):
        error.request_info = error.request_info._replace(headers=CIMultiDictProxy(CIMultiDict()))
        error.args = (error.request_info, error.history)
        error.message = _QUOTED.split(error.message, 1)[0]
        return error
    if isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str):
        error.message = "Server disconnected"  # instead of the headers that came
        error.args = (error.message,)
    else:
        error.args = (_QUOTED.split(str(error), 1)[0],)
    return error
