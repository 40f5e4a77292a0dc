"""Requests: sessions of it whose calls go through an exchange. The back end's session is below them, in an adapter."""

from __future__ import annotations

from sojourn import errors

try:
    import requests as _  # noqa: F401 - that it is there
except ModuleNotFoundError:
    raise errors.SettingError("this exchange needs requests: pip install requests") from None

from sojourn.outbound.drivers.requests.connections import Connections
from sojourn.outbound.drivers.requests.sessions import session

__all__ = ["Connections", "session"]
