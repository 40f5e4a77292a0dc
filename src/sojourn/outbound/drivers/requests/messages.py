"""What passes, in the words of requests and in those of a negotiation."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from sojourn.outbound.messages import Call, Response

__all__ = ["answer_of", "call_of", "forget_cookies", "position", "with_headers", "without_cookies"]


def call_of(request: requests.PreparedRequest) -> Call:
    """For a negotiation."""
    body = request.body

    def fields(name: str) -> Sequence[str]:
        value = request.headers.get(name)
        return () if value is None else (_text(value),)

    return Call(
        method=str(request.method),
        url=str(request.url),
        fields=fields,
        replayable=body is None or isinstance(body, str | bytes) or position(body) is not None,
    )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def position(body: Any) -> int | None:
    """Where a file begins that can be read once more; None for what is none."""
    try:
        return body.tell() if body.seekable() else None
    except (AttributeError, OSError):
        return None


def with_headers(request: requests.PreparedRequest, own: Mapping[str, str | None]) -> requests.PreparedRequest:
    """A request that can be sent while the application's own stays as it is, without anything secret in it."""
    sent = copy.copy(request)
    sent.headers = request.headers.copy()
    for name, value in own.items():
        if value is None:
            sent.headers.pop(name, None)
        else:
            sent.headers[name] = value
    return sent


def answer_of(response: requests.Response, url: str, body: bytes | None = None) -> Response:
    """For a negotiation. `body`: as far as it was read."""
    return Response(response.status_code, url, response.raw.headers.getlist, body)


def without_cookies(response: requests.Response) -> requests.Response:
    """They are the session's, and not for the jars of requests, which read them where they came in."""
    if "set-cookie" in response.raw.headers:
        del response.raw.headers["set-cookie"]
        del response.headers["set-cookie"]
        response.cookies.clear()
        forget_cookies(response.raw)
    return response


def forget_cookies(raw: Any) -> None:
    """Those of an answer as it comes in, before requests reads them."""
    if (original := raw._original_response) is not None:  # noqa: SLF001 - where requests does
        del original.msg["set-cookie"]
