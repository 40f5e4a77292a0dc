"""Admission: whether a cookie that was received is kept, and as what (RFC 6265bis §5.7)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from sojourn.core.cookies import HOST_PREFIXES, HTTP_PREFIXES, PREFIXES
from sojourn.outbound.jar.hosts import domain_matches
from sojourn.outbound.jar.received import Received
from sojourn.outbound.jar.stored import Stored
from sojourn.outbound.jar.targets import Target, default_path

__all__ = ["Suffixes", "admitted"]

Suffixes: TypeAlias = "Callable[[str], bool]"
"""Whether a canonical domain is one below which anybody may register."""


def admitted(cookie: Received, target: Target, suffixes: Suffixes, now: float) -> Stored | None:
    """What is stored for a cookie that came from `target`; None where it is ignored."""
    domain = _domain(cookie.domain, target.host, suffixes)
    if domain is None or _unfit(cookie, target):
        return None
    stored = Stored(
        name=cookie.name,
        value=cookie.value,
        domain=domain or target.host,
        path=cookie.path or default_path(target.path),
        host_only=not domain,
        secure=cookie.secure,
        http_only=cookie.http_only,
        same_site=cookie.same_site,
        created_at=now,
        expires_at=math.inf if cookie.expires_at is None else cookie.expires_at,
        accessed_at=now,
    )
    return stored if _keeps_its_prefix(stored, cookie) else None


def _domain(asked: str, host: str, suffixes: Suffixes) -> str | None:
    """The domain of a cookie, empty for the host alone; None where the host may not set one for it."""
    if not asked:
        return ""
    if not domain_matches(host, asked):
        return None
    if suffixes(asked):
        return "" if asked == host else None
    return asked


def _unfit(cookie: Received, target: Target) -> bool:
    return not target.secure if cookie.secure else cookie.same_site == "None"


def _keeps_its_prefix(stored: Stored, cookie: Received) -> bool:
    """Without case, as some servers compare. Those with `Http` come from draft-ietf-httpbis-layered-cookies."""
    name = stored.name.lower()
    if not name:
        return not stored.value.lower().startswith(PREFIXES)  # it would be sent as if it had the name
    if not name.startswith(PREFIXES):
        return True
    if not stored.secure or (name.startswith(HTTP_PREFIXES) and not stored.http_only):
        return False
    of_host = stored.host_only and cookie.path is not None and stored.path == "/"
    return of_host or not name.startswith(HOST_PREFIXES)
