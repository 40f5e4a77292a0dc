"""Asking: a look into a server of the loopback, by no client that is tried."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.request import ProxyHandler, Request, build_opener

__all__ = ["ask"]

PATIENCE = 60.0  # seconds


def ask(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> str:
    """The text of the answer; with a `body`, to a POST."""
    request = Request(url, body, dict(headers or {}))  # noqa: S310 - of the loopback
    with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE) as answer:
        text: str = answer.read().decode()
        return text
