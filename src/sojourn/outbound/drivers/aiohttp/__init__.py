"""Aiohttp: sessions of it whose calls go through an exchange. The back end's session is below them, in a middleware."""

from __future__ import annotations

from sojourn import errors

try:
    import aiohttp as _  # noqa: F401 - that it is there
except ModuleNotFoundError:
    raise errors.SettingError("this exchange needs aiohttp: pip install aiohttp") from None

from sojourn.outbound.drivers.aiohttp.connections import Connections
from sojourn.outbound.drivers.aiohttp.sessions import session

__all__ = ["Connections", "session"]
