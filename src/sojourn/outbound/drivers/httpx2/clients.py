"""Clients of an exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

import httpx2

from sojourn.errors import SettingError
from sojourn.outbound.drivers.httpx2.connections import by
from sojourn.outbound.drivers.httpx2.transports import AsyncTransport, Transport

if TYPE_CHECKING:
    from sojourn.outbound.exchange import Exchange

__all__ = ["async_client", "client"]

C = TypeVar("C")

_OF_CONNECTIONS = ("verify", "cert", "http1", "http2", "limits", "proxy")


def async_client(exchange: Exchange, **options: Any) -> httpx2.AsyncClient:
    """A client of `exchange`. `options`: as of `httpx2.AsyncClient`; a `transport` is what it sends by."""
    return _made(exchange, _AsyncClient, AsyncTransport, httpx2.AsyncHTTPTransport, options)


def client(exchange: Exchange, **options: Any) -> httpx2.Client:
    """As `async_client`, for threads."""
    return _made(exchange, _Client, Transport, httpx2.HTTPTransport, options)


def _made(
    exchange: Exchange,
    kind: Callable[..., C],
    through: Callable[[Exchange, Any], object],
    below: Callable[..., object],
    options: dict[str, Any],
) -> C:
    """A client of that kind, which sends `through` the exchange by what is `below`, or by its own `transport`."""
    own, given = _taken(options), options.pop("transport", None)
    if own and given is None:
        given = below(**by(exchange.backend.way) | own)
    made = kind(transport=through(exchange, given), base_url=exchange.backend.rules.url, **options)
    exchange.open()
    return made


class _AsyncClient(httpx2.AsyncClient):
    """Whose relative URLs are as RFC 3986 §5.2 has them, and as in the other libraries: `/rows` is at the root."""

    def build_request(self, method: str, url: httpx2.URL | str, **how: Any) -> httpx2.Request:
        return super().build_request(method, urljoin(str(self.base_url), str(url)), **how)


class _Client(httpx2.Client):
    """As `_AsyncClient`."""

    def build_request(self, method: str, url: httpx2.URL | str, **how: Any) -> httpx2.Request:
        return super().build_request(method, urljoin(str(self.base_url), str(url)), **how)


def _taken(options: dict[str, Any]) -> dict[str, Any]:
    """What is said of connections: else the client leaves it out, or goes past the exchange for it."""
    if "mounts" in options:
        raise SettingError("mounts= goes past the exchange; give transport=, or proxy=")
    return {name: options.pop(name) for name in _OF_CONNECTIONS if name in options}
