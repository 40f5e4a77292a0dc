"""Way: how a back end is reached, whichever client asks."""

from __future__ import annotations

import base64
import ssl
from urllib.parse import unquote, urlsplit

import msgspec

from sojourn.errors import SettingError
from sojourn.outbound.jar.hosts import canonical

__all__ = ["Proxy", "Way", "way"]


class Proxy(msgspec.Struct, frozen=True):
    """A proxy."""

    url: str
    """Without user and password."""
    authorization: str
    """What it is sent as Proxy-Authorization (RFC 9110 §11.7.2); empty: nothing."""

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"


class Way(msgspec.Struct, frozen=True):
    """What connections are made by, unless a client is told otherwise."""

    tls: ssl.SSLContext | None = None
    """None: as each client library does it by itself."""
    proxy: Proxy | None = None
    """None: there is none."""


def way(url: str, tls: ssl.SSLContext | None, proxy: str | None) -> Way:
    """The way to the back end at `url`. Raises `SettingError`."""
    if tls is not None:
        _check_tls(url, tls)
    return Way(tls, _proxy(proxy) if proxy is not None else None)


def _check_tls(url: str, tls: object) -> None:
    if not isinstance(tls, ssl.SSLContext) or tls.protocol is ssl.PROTOCOL_TLS_SERVER:
        raise SettingError("Backend(tls=…): give an ssl.SSLContext of a client, as of ssl.create_default_context()")
    if not url.startswith("https:"):
        raise SettingError("Backend(tls=…): the address begins with http:, where there is no TLS; give https:")


def _proxy(url: object) -> Proxy:
    """Never with the URL in a message: a password may be in it."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = canonical(f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "")
    if parts.scheme != "http" or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SettingError(
            "Backend(proxy=…): give an address such as http://proxy.example:3128, with user and password or without"
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Proxy(f"http://{host}:{port or 80}", f"Basic {pair}" if user or password else "")
