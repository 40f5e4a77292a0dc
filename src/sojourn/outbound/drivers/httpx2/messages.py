"""What passes, in the words of httpx2 and in those of a negotiation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from sojourn.outbound.driving import PATIENCE
from sojourn.outbound.messages import Call, Fields, Request, Response

__all__ = ["answer_of", "call_of", "request_of", "with_headers", "without_cookies"]


def call_of(request: httpx2.Request) -> Call:
    """For a negotiation."""
    return Call(
        method=request.method,
        url=str(request.url),
        fields=_fields(request.headers),
        replayable=isinstance(request.stream, httpx2.ByteStream),
    )


def with_headers(request: httpx2.Request, own: Mapping[str, str | None]) -> httpx2.Request:
    """A request that can be sent while the application's own stays as it is, without anything secret in it."""
    headers = httpx2.Headers(request.headers, encoding="latin-1")  # the octets of a cookie may be any
    for name, value in own.items():
        if value is not None:
            headers[name] = value
        elif name in headers:
            del headers[name]
    return httpx2.Request(
        request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
    )


def request_of(request: Request, extensions: Mapping[str, Any]) -> httpx2.Request:
    """One of a negotiation's own, with the time of the call that it is for."""
    timeout = extensions.get("timeout") or httpx2.Timeout(PATIENCE).as_dict()
    return httpx2.Request(
        request.method,
        request.url,
        headers=list(request.headers),
        content=request.body or None,
        extensions={"timeout": timeout},
    )


def answer_of(response: httpx2.Response, url: str, body: bytes | None = None) -> Response:
    """For a negotiation. `body`: as far as it was read."""
    return Response(response.status_code, url, _fields(response.headers), body)


def _fields(headers: httpx2.Headers) -> Fields:
    def fields(name: str) -> list[str]:
        values = headers.get_list(name)
        return [each if each.isascii() else each.encode(headers.encoding).decode("latin-1") for each in values]

    return fields


def without_cookies(response: httpx2.Response) -> httpx2.Response:
    """They are the session's, and not for the jar of the client."""
    if "set-cookie" in response.headers:
        del response.headers["set-cookie"]
    return response
