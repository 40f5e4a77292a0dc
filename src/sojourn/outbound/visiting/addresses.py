"""Addresses: what a page or an answer refers to, and whether that is of the same origin (RFC 6454)."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit

__all__ = ["is_address", "is_path", "origin", "path", "resolved"]

# No user, no backslash: what one client takes for the host, another takes for something else.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{0,5}))?(?P<rest>[/?][\x21-\x7E]*)?",
    re.IGNORECASE,
)
_PORTS = {"http": "80", "https": "443"}
_LONGEST = 16_384  # characters


def origin(url: str) -> str:
    """Scheme, host and port of an address, in one form and without a slash; empty where it has none."""
    parts = _URL.fullmatch(_sendable(url))
    return _origin(parts) if parts is not None else ""


def resolved(base: str, reference: str) -> str:
    """The address that `reference` means at `base`, without its fragment; empty where it is none that can be asked."""
    if len(reference) > _LONGEST:
        return ""
    try:
        joined = urljoin(base, reference.strip(" \t\r\n\f"))
    except ValueError:
        return ""
    parts = _URL.fullmatch(_sendable(joined.partition("#")[0]))
    if parts is None:
        return ""
    rest = parts["rest"] or "/"
    return _origin(parts) + (rest if rest.startswith("/") else f"/{rest}")


def path(url: str) -> str:
    """The path of an address without parameters, which hold the id of a session where cookies are refused."""
    return urlsplit(url).path.partition(";")[0] or "/"


def is_path(text: object) -> bool:
    """Whether it is an absolute path, with a query or without."""
    return (
        isinstance(text, str)
        and text.startswith("/")
        and origin(resolved("http://a", text)) == "http://a"
        and "#" not in text
    )


def is_address(text: object) -> bool:
    """Whether it is an http or https address that holds no user."""
    return isinstance(text, str) and bool(origin(text)) and "#" not in text


def _origin(parts: re.Match[str]) -> str:
    scheme, port = parts["scheme"].lower(), (parts["port"] or "").lstrip("0")
    return f"{scheme}://{parts['host'].lower()}" + (f":{port}" if port not in ("", _PORTS[scheme]) else "")


def _sendable(url: str) -> str:
    """With what no request line can hold as percent-escapes (RFC 3986 §2.1)."""
    return quote(url, safe="!#$%&'()*+,/:;=?@[]~\\", errors="replace")
