"""Received: one Set-Cookie, taken apart as RFC 6265bis §5.6 asks, in time linear in its bytes."""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple, TypeAlias

from sojourn.outbound.jar.dates import parsed
from sojourn.outbound.jar.stored import SameSite

__all__ = ["Received", "Standard", "octets", "received"]

Standard: TypeAlias = Literal["rfc6265bis", "rfc6265"]
"""The older one ignores a cookie without a name, and an empty Domain, which so takes back none before it."""

_MOST_OCTETS = 4096  # of name and value
_MOST_OF_ATTRIBUTE = 1024
_LONGEST_AGE = 34_560_000  # 400 days: RFC 6265bis §5.5
_CONTROL = re.compile(r"[\x00-\x08\x0A-\x1F\x7F]")
_ATTRIBUTE = re.compile(
    r";[ \t]*(expires|max-age|domain|path|secure|httponly|samesite)[ \t]*(?:=([^;]*))?(?=;|\Z)",
    re.IGNORECASE | re.ASCII,
)
_AGE = re.compile(r"-?[0-9]+")
_SAME_SITE: dict[str, SameSite] = {"strict": "Strict", "lax": "Lax", "none": "None"}


class Received(NamedTuple):
    """What a Set-Cookie says. The last of several attributes of one name counts."""

    name: str
    value: str
    expires_at: float | None
    """None where it says nothing of it; -inf: at once."""
    domain: str
    """In small letters and without its leading dot; empty where it is for the host alone."""
    path: str | None
    """None: without the attribute; empty: with it, and the default path."""
    secure: bool
    http_only: bool
    same_site: SameSite

    def __repr__(self) -> str:
        return f"<Received {self.name!r}>"


def octets(set_cookie: str | bytes) -> str | None:
    """The octets of a header as one character each.

    A str is what `http.client` makes of them, which is this. One that cannot be is taken for UTF-8 that the client has
    decoded (surrogates for what is none, as aiohttp does); None where it is not even that.
    """
    if isinstance(set_cookie, bytes):
        return set_cookie.decode("latin-1")
    if set_cookie.isascii():
        return set_cookie
    try:
        set_cookie.encode("latin-1")
    except UnicodeEncodeError:
        try:
            return set_cookie.encode("utf-8", "surrogateescape").decode("latin-1")
        except UnicodeEncodeError:
            return None
    return set_cookie


def received(text: str, now: float, standard: Standard) -> Received | None:
    """What a header of such octets sets; None where it is to be ignored.

    `Partitioned` is ignored: nothing is embedded in a page of another site here.
    """
    if _CONTROL.search(text) is not None:
        return None
    end = text.find(";")
    pair = text if end < 0 else text[:end]
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    name, value = name.strip(" \t"), value.strip(" \t")
    if not 0 < len(name) + len(value) <= _MOST_OCTETS or (not name and standard == "rfc6265"):
        return None
    said = {} if end < 0 else _attributes(text, end, standard)
    return Received(
        name,
        value,
        _expiry(said, now),
        said.get("domain", "").removeprefix(".").lower(),
        _path(said.get("path")),
        "secure" in said,
        "httponly" in said,
        _SAME_SITE.get(said.get("samesite", "").lower(), "Default"),
    )


def _attributes(text: str, start: int, standard: Standard) -> dict[str, str]:
    """By name in small letters. One that could not be read does not stand in for an earlier one that could."""
    said: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text, start):
        name = match[1].lower()
        value = (match[2] or "").strip(" \t")
        if len(value) > _MOST_OF_ATTRIBUTE:
            continue
        if name == "max-age" and not _AGE.fullmatch(value):
            continue
        if name == "expires" and parsed(value) is None:
            continue
        if name == "domain" and not value and standard == "rfc6265":
            continue
        said[name] = value
    return said


def _expiry(said: dict[str, str], now: float) -> float | None:
    age = said.get("max-age")
    if age is not None:  # whatever `Expires` says
        seconds = min(int(age), _LONGEST_AGE)
        return now + seconds if seconds > 0 else -math.inf
    instant = parsed(said["expires"]) if "expires" in said else None
    return None if instant is None else min(instant, now + _LONGEST_AGE)


def _path(value: str | None) -> str | None:
    return value if value is None or value.startswith("/") else ""
