"""Refusals: what is answered in the application's place, when its session could not be had or stored."""

from __future__ import annotations

import logging

import msgspec

from sojourn.errors import SojournError
from sojourn.inbound.tracking.cookies import Headers

__all__ = ["FAULT", "Refusal", "refusal"]

FAULT = 500  # of the application: for the server to tell

_BODIES = {
    409: b"The session was changed by another request.",
    429: b"You are signed in too many times: sign out elsewhere first.",
}

_log = logging.getLogger(__name__)


class Refusal(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    headers: Headers
    body: bytes


def refusal(error: SojournError) -> Refusal:
    """What the visitor is told of `error`. Its message is for the log alone: it names the store."""
    status = error.status_hint
    level = logging.WARNING if status >= FAULT else logging.INFO  # whoever signs in too often fills no log
    _log.log(level, "a request was refused with %d: %s", status, error)
    body = _BODIES.get(status, b"Please try again soon.")
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *error.headers,
    ]
    if status == 503:
        headers.append((b"retry-after", b"1"))
    return Refusal(status, headers, body)
