"""Cookies, both directions, on bytes: what a Cookie header says, and the Set-Cookie that we answer.

The usual Python parsers disagree with each other and with browsers, and `http.cookies` is quadratic and can be made to
emit line breaks (CVE-2024-7592, CVE-2026-0672); so this is our own, after RFC 6265bis §5.4 and §4.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from sojourn.errors import SettingError

__all__ = ["HOST_PREFIXES", "HTTP_PREFIXES", "PREFIXES", "Cookie", "values", "versioned"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_PAIR = re.compile(rf"{_TOKEN.pattern}=[\x21\x23-\x2B\x2D-\x3A\x3C-\x5B\x5D-\x7E]*")  # RFC 6265bis §4.1.1
_ATTRIBUTE = re.compile(r"[\x21-\x3A\x3C-\x7E]+")  # RFC 6265bis §4.1.1: visible, and no `;`
_LONGEST_NAME = 1024
_LONGEST_PAIR = 4097  # RFC 6265bis §5.6: 4,096 bytes besides the equals sign
HOST_PREFIXES = ("__host-", "__host-http-")  # browsers compare prefixes without case (RFC 6265bis §5.7)
PREFIXES = (*HOST_PREFIXES, "__secure-", "__http-")
HTTP_PREFIXES = ("__http-", "__host-http-")


def values(headers: Iterable[bytes], name: bytes) -> list[bytes]:
    """The values that the Cookie headers of a request give to `name`, in order, the same one once.

    All headers of a request are read, since HTTP/2 splits them (RFC 9113 §8.2.3). Pairs are split at `;`, only space
    and tab are trimmed, names are compared byte by byte and nothing is unquoted: what the usual parsers do beyond that
    lets one cookie pose as another (R08–R10). Linear in the bytes.
    """
    found: list[bytes] = []
    for header in headers:
        if name in header:
            found += [value.strip(b" \t") for value in _pairs(name).findall(header)]
    return list(dict.fromkeys(found)) if len(found) > 1 else found


def versioned(headers: Iterable[bytes], name: bytes) -> tuple[list[bytes], list[bytes]]:
    """The values that are given to `name`, and those given to `<name>-v`: as `values`, in one look."""
    found: list[tuple[bytes, bytes]] = []
    for header in headers:
        if name in header:
            found += _versioned_pairs(name).findall(header)
    pairs = [(suffix, value.strip(b" \t")) for suffix, value in found]
    if len(pairs) > 1:
        pairs = list(dict.fromkeys(pairs))
    return [value for suffix, value in pairs if not suffix], [value for suffix, value in pairs if suffix]


@lru_cache(maxsize=64)
def _versioned_pairs(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:^|;)[ \t]*" + re.escape(name) + rb"(-v)?[ \t]*=([^;]*)")


@lru_cache(maxsize=64)
def _pairs(name: bytes) -> re.Pattern[bytes]:
    """Finds the values of that name: a pair is what stands between two `;`, and its name ends at its first `=`."""
    return re.compile(rb"(?:^|;)[ \t]*" + re.escape(name) + rb"[ \t]*=([^;]*)")


@dataclass(frozen=True, kw_only=True)
class Cookie:
    """The cookie that carries the id, and beside it `<name>-v`, which carries the version of the session.

    Raises `SettingError` for attributes that browsers would refuse or that cannot be written: refused, never escaped.
    """

    name: str = "__Host-id"
    """The prefix makes browsers refuse one that a sibling host or a plain-http page planted (ASVS 3.3.3); the rest of
    the name tells nothing about what answers (OWASP)."""
    secure: bool = True
    """Sent over https alone (ASVS 3.3.1). From this setting and never from a guess about the request, so that it is not
    lost behind a proxy that terminates TLS (CVE-2023-28708)."""
    http_only: bool = True
    """Out of reach for scripts (ASVS 3.3.4)."""
    same_site: Literal["Strict", "Lax", "None"] = "Lax"
    """Kept from cross-site requests but for following a link (ASVS 3.3.2)."""
    path: str = "/"
    """`__Host-` asks for it; a narrower path keeps nobody out."""
    domain: str | None = None
    """None: this host alone. A domain shares the id with every host below it."""
    max_age: int | None = None
    """Seconds for which a browser keeps it; None: until it is closed. The server's own limits hold in any case."""
    partitioned: bool = False
    """A cookie jar for each top-level site (CHIPS), for pages that are embedded in others."""

    @classmethod
    def development(cls) -> Cookie:
        """The cookie for plain http on one's own machine, where browsers refuse a prefixed or Secure one."""
        return cls(name="id", secure=False)

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem is not None:
            raise SettingError(f"Cookie(name={self.name!r}): {problem}")

    @property
    def prefixed(self) -> bool:
        """Whether browsers guard the name, so that a request holds two such cookies only when one is forged."""
        return self.name.lower().startswith(HOST_PREFIXES)

    @property
    def version_name(self) -> str:
        """The name of the cookie that carries the version."""
        return f"{self.name}-v"

    def set(self, name: str, value: str, *, max_age: int | None = None) -> bytes:
        """The value of a Set-Cookie header; `max_age`: another than that of the settings.

        Raises `SettingError` for what is no cookie (R12) or too long for one.
        """
        pair = f"{name}={value}"
        if not _PAIR.fullmatch(pair) or len(pair) > _LONGEST_PAIR:
            raise SettingError(
                "a cookie's name and value must be visible ASCII without \",;\\ and of at most 4,096 bytes"
            )
        seconds = self.max_age if max_age is None else max_age
        age = "" if seconds is None else f"; Max-Age={seconds}"
        return f"{pair}{age}{self._attributes}".encode()

    def clear(self, name: str) -> bytes:
        """The value of a Set-Cookie header that removes it: the same attributes, or a browser would keep it (R11)."""
        return f"{name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{self._attributes}".encode()

    @cached_property  # the same for every response
    def _attributes(self) -> str:
        return "".join(
            (
                f"; Path={self.path}",
                f"; Domain={self.domain}" if self.domain else "",
                "; Secure" if self.secure else "",
                "; HttpOnly" if self.http_only else "",
                f"; SameSite={self.same_site}",
                "; Partitioned" if self.partitioned else "",
            )
        )


def _problem(cookie: Cookie) -> str | None:
    """What is wrong with the settings of a cookie, and what to do; None when nothing is."""
    name = cookie.name.lower()
    if not _TOKEN.fullmatch(cookie.name):
        return "the name must be letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 §5.6.2)"
    if len(cookie.name) > _LONGEST_NAME:
        return f"the name must not be longer than {_LONGEST_NAME} characters"
    if not cookie.path.startswith("/") or not _ATTRIBUTE.fullmatch(cookie.path):
        return f"path={cookie.path!r} must start with / and hold visible ASCII without ;"
    if cookie.domain is not None and not _ATTRIBUTE.fullmatch(cookie.domain):
        return f"domain={cookie.domain!r} must be visible ASCII without ;"
    if cookie.same_site not in ("Strict", "Lax", "None"):
        return f"same_site={cookie.same_site!r} must be Strict, Lax or None"
    if cookie.max_age is not None and (type(cookie.max_age) is not int or cookie.max_age <= 0):
        return "max_age must be whole seconds above 0, or None"
    return _guard_problem(cookie, name)


def _guard_problem(cookie: Cookie, name: str) -> str | None:
    """What a browser would refuse (RFC 6265bis §5.7)."""
    if not cookie.secure and (name.startswith(PREFIXES) or cookie.same_site == "None" or cookie.partitioned):
        return "a prefixed, SameSite=None or Partitioned cookie must be secure; for plain http use Cookie.development()"
    if name.startswith(HOST_PREFIXES) and (cookie.path != "/" or cookie.domain):
        return "the __Host- prefix asks for path='/' and no domain"
    if name.startswith(HTTP_PREFIXES) and not cookie.http_only:
        return "the __Http- prefix asks for http_only"
    return None
