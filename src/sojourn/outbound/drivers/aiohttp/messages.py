"""What passes, in the words of aiohttp and in those of a negotiation."""

from __future__ import annotations

from collections.abc import Sequence
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
from aiohttp import payload
from multidict import CIMultiDict, CIMultiDictProxy, MultiMapping

from sojourn.outbound.messages import Call, Fields, Response

__all__ = ["answer_of", "call_of", "sendable", "without_cookies"]

_ENCODING, _ERRORS = "utf-8", "surrogateescape"  # how aiohttp reads and writes the octets of headers


def call_of(request: aiohttp.ClientRequest, url: str) -> Call:
    """For a negotiation. `url`: that of the request, as text."""
    body = request.body
    return Call(
        method=request.method,
        url=url,
        fields=_fields(request.headers),
        replayable=body == b"" or _replayable(body),
    )


def _replayable(body: Any) -> bool:
    """Whether a body is there for a second time: bytes, files, and what is made of them."""
    if isinstance(body, payload.BytesPayload | payload.BytesIOPayload):
        return True
    if isinstance(body, aiohttp.MultipartWriter):
        return all(_replayable(part) for part, *_ in body)
    return isinstance(body, payload.IOBasePayload) and body.size is not None


def answer_of(response: aiohttp.ClientResponse, url: str, body: bytes | None = None) -> Response:
    """For a negotiation. `body`: as far as it was read."""
    return Response(response.status, url, _fields(response.headers), body)


def _fields(headers: MultiMapping[str]) -> Fields:
    def fields(name: str) -> Sequence[str]:
        values = headers.getall(name, None)
        if values is None:
            return ()
        return [each if each.isascii() else each.encode(_ENCODING, _ERRORS).decode("latin-1") for each in values]

    return fields


def sendable(value: str) -> str:
    """The value of a header, of a negotiation's, whose octets are its characters."""
    return value if value.isascii() else value.encode("latin-1").decode(_ENCODING, _ERRORS)


def without_cookies(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """They are the session's, and not for the application. No method of aiohttp's takes a header off an answer."""
    if "Set-Cookie" in response.headers:
        response.cookies = SimpleCookie()
        headers = CIMultiDict(response.headers)
        del headers["Set-Cookie"]
        response._headers = CIMultiDictProxy(headers)  # noqa: SLF001
        response._raw_headers = tuple(pair for pair in response._raw_headers if pair[0].lower() != b"set-cookie")  # noqa: SLF001
        response._cache.pop("headers", None)  # noqa: SLF001
    return response
