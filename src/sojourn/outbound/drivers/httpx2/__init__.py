"""Httpx2: clients of it whose calls go through an exchange. The session is below them, so their own jars stay empty."""

from __future__ import annotations

from sojourn import errors

try:
    import httpx2
except ModuleNotFoundError:
    raise errors.SettingError("this exchange needs httpx2: pip install 'sojourn[outbound]'") from None

from sojourn.outbound.drivers.httpx2.clients import async_client, client
from sojourn.outbound.drivers.httpx2.connections import AsyncConnections, Connections

__all__ = ["FAILURES", "AsyncConnections", "Connections", "async_client", "client"]

FAILURES: tuple[type[Exception], ...] = (httpx2.HTTPError, httpx2.InvalidURL)
"""What a call can come to besides an answer."""
