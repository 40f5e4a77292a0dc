"""Target: where a request goes, as far as cookies look at it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from sojourn.outbound.jar.hosts import canonical, is_loopback

__all__ = ["Target", "default_path", "path_matches", "target_of"]

_SECURE = {"https": True, "wss": True, "http": False, "ws": False}
# RFC 3986 §3.2. No backslash: for some clients it ends the authority, so that they see another host.
_AUTHORITY = re.compile(r"(?:[^\\]*@)?(\[[^\]]*\]|[^:\\@]*)(?::[0-9]*)?")
_LONGEST = 1024  # of those that are remembered
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class Target(NamedTuple):
    """The parts of a URL that decide which cookies go there. The port is none of them."""

    host: str
    """Canonical; see `hosts`."""
    path: str
    secure: bool
    """Over TLS, or to this machine: RFC 6265bis §5.8.3 leaves it to the client, and browsers trust a loopback."""


def target_of(url: str) -> Target | None:
    """Where a URL leads to, None where that is nowhere with cookies. A query does not matter, and costs nothing."""
    url = url.partition("?")[0]
    return _remembered(url) if len(url) <= _LONGEST else _target(url)


def _target(url: str) -> Target | None:
    try:
        parts = urlsplit(url)
        secure = _SECURE.get(parts.scheme)
    except ValueError:
        return None
    authority = _AUTHORITY.fullmatch(parts.netloc)
    host = None if authority is None else canonical(authority[1])
    if secure is None or host is None:
        return None
    path = parts.path if parts.path.isascii() else quote(parts.path, safe=_PRINTABLE, errors="surrogatepass")
    return Target(host, path or "/", secure or is_loopback(host))


_remembered = lru_cache(maxsize=4096)(_target)


def default_path(path: str) -> str:
    """The path of a cookie that comes without one (RFC 6265bis §5.1.4)."""
    return path[: path.rfind("/")] or "/" if path.startswith("/") else "/"


def path_matches(path: str, cookie_path: str) -> bool:
    """Whether a request to `path` is one of those below `cookie_path` (RFC 6265bis §5.1.4)."""
    if not path.startswith(cookie_path):
        return False
    return len(path) == len(cookie_path) or cookie_path.endswith("/") or path[len(cookie_path)] == "/"
