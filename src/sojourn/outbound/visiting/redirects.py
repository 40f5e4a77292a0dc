"""Redirects, followed inside one origin."""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from sojourn.outbound.messages import Request, Response
from sojourn.outbound.visiting.addresses import origin, resolved

__all__ = ["HTML", "REDIRECTS", "follow", "target"]

HTML = (("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),)
"""What a visitor sends who wants a page."""

REDIRECTS = frozenset((301, 302, 303, 307, 308))

_MOST = 10


def follow(request: Request, trail: list[Request] | None = None) -> Generator[Request, Response, Response]:
    """Ask, and go where the answers send to, inside the origin of the request; answer the last answer.

    That may be a redirect: one that leaves the origin, leads nowhere, or is the eleventh. Nothing is sent there. A form
    is sent once more where the answer asks for the same method (307, 308), else the target is fetched (RFC 9110 §15.4).
    `trail`: where to put the requests that it made of this one.
    """
    for _ in range(_MOST):
        response = yield request
        url = target(request.url, response)
        if not url or origin(url) != origin(request.url):
            return response
        if response.status in (307, 308) or request.method in ("GET", "HEAD"):
            request = msgspec.structs.replace(request, url=url)
        else:
            request = Request(method="GET", url=url, headers=HTML)
        if trail is not None:
            trail.append(request)
    return (yield request)


def target(url: str, response: Response) -> str:
    """Where this answer to a request for `url` redirects to; empty where it does not."""
    location = response.first("location")
    return resolved(url, location) if location and response.status in REDIRECTS else ""
