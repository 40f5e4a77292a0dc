"""Request and Answer: HTTP as plain values."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import parse_qsl

__all__ = ["SAFE", "Answer", "Request", "json_answer", "text_answer"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 §9.2.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What came in. Names of headers are in lower case; headers of one name are joined (RFC 9110 §5.3)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: tuple[tuple[str, str], ...]
    """Name and value as sent, in their order; a pair without `=` has no name (RFC 6265bis §5.6)."""
    cookie_headers: int
    body: bytes

    @classmethod
    def of(cls, scope: Mapping[str, Any], body: bytes) -> Self:
        """Read the scope of ASGI. Never raises: what is no text is read as Latin-1, as HTTP says."""
        headers: dict[str, str] = {}
        cookies: list[tuple[str, str]] = []
        cookie_headers = 0
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            if name == "cookie":
                cookie_headers += 1
                pairs = (pair.strip(" \t") for pair in value.split(";"))
                cookies += map(_pair, filter(None, pairs))
            else:
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        return cls(
            method=scope["method"],
            path=scope["path"],
            query=query,
            headers=headers,
            cookies=tuple(cookies),
            cookie_headers=cookie_headers,
            body=body,
        )

    def values(self, cookie: str) -> list[str]:
        """The values of the cookies of one name."""
        return [value for name, value in self.cookies if name == cookie]

    @property
    def credentials(self) -> tuple[str, str]:
        """The scheme of the Authorization header in lower case, and what follows it; both empty without one."""
        scheme, _, rest = self.headers.get("authorization", "").partition(" ")
        return scheme.lower(), rest.strip()

    @property
    def name_and_password(self) -> tuple[str, str] | None:
        """Those of HTTP Basic (RFC 7617); None where there are none that can be read."""
        scheme, rest = self.credentials
        if scheme != "basic":
            return None
        try:
            name, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        return (name, password) if colon else None

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form, the last of each name; empty for a body that is none."""
        if not self.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode("latin-1"), keep_blank_values=True))

    @property
    def who(self) -> str | None:
        """Whose request it says that it is: in `X-Who`, or as `who` in a body of JSON; None when it does not say."""
        named = self.headers.get("x-who")
        if named is not None or not self.body.startswith(b"{") or b'"who"' not in self.body:
            return named
        try:
            who = json.loads(self.body).get("who")
        except (ValueError, RecursionError):
            return None
        return who if isinstance(who, str) else None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    return (name, value) if equals else ("", name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What goes out."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    cut: bool = field(default=False)
    """Whether the connection breaks off in the middle of it."""

    def with_headers(self, headers: Iterable[tuple[str, str]]) -> Answer:
        """The same, with further headers."""
        return replace(self, headers=(*self.headers, *headers))


def json_answer(status: int, value: Any, *headers: tuple[str, str]) -> Answer:
    """Answer with a value as JSON."""
    return Answer(
        status=status, headers=(("content-type", "application/json"), *headers), body=json.dumps(value).encode()
    )


def text_answer(status: int, text: str, *headers: tuple[str, str], kind: str = "text/plain") -> Answer:
    """Answer with text, or with `kind="text/html"`."""
    return Answer(status=status, headers=(("content-type", f"{kind}; charset=utf-8"), *headers), body=text.encode())
