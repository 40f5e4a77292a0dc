"""Headers: what an answer tells browsers and caches about the session."""

from __future__ import annotations

from collections.abc import Iterable

from sojourn.inbound.tracking.cookies import Headers
from sojourn.inbound.tracking.track import RequestTrack

__all__ = ["as_bytes", "as_text", "tells_events", "told", "tracked", "varied"]

# How a header ends that allows storing: those for some caches alone (`CDN-Cache-Control` …) win over the general one
# there (RFC 9213 §2.2).
_CACHING = (b"cache-control", b"surrogate-control")

_PATHLESS = frozenset({b"no-referrer", b"origin", b"strict-origin"})  # policies that never tell a path


def told(headers: Iterable[tuple[bytes, bytes]], lines: Headers) -> Headers:
    """The headers of an answer that depends on a session, with the `lines` that tell the visitor of it."""
    headers = varied(headers)
    return _private(headers) + lines if lines else headers


def tracked(headers: Iterable[tuple[bytes, bytes]], lines: Headers, track: RequestTrack, *, looked: bool) -> Headers:
    """As `told`, where ids travel in other ways than cookies. `looked`: whether the answer depends on the session."""
    headers = list(headers)
    if looked or lines:
        for field in track.varies:
            headers = varied(headers, field)
        if lines or not track.shareable:
            headers = _private(headers) + lines
    return _discreet(headers) if track.in_url else headers


def varied(headers: Iterable[tuple[bytes, bytes]], by: bytes = b"Cookie") -> Headers:
    """The headers, with a Vary that holds `by`: a cache must not show what depends on a session to another."""
    given = list(headers)
    kept = [header for header in given if header[0].lower() != b"vary"]
    if len(kept) == len(given):
        kept.append((b"vary", by))
        return kept
    fields = [field.strip() for name, value in given if name.lower() == b"vary" for field in value.split(b",")]
    if b"*" not in fields and by.lower() not in [field.lower() for field in fields]:
        fields.append(by)
    kept.append((b"vary", b", ".join(fields)))
    return kept


def tells_events(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether an answer is a stream of server-sent events."""
    for name, value in headers:
        if name.lower() == b"content-type":
            return value.startswith(b"text/event-stream")
    return False


def _private(headers: Headers) -> Headers:
    """For nobody else: a stored copy would hand the id to somebody else (CVE-2023-30861)."""
    kept = [header for header in headers if not header[0].lower().endswith(_CACHING)]
    return [*kept, (b"cache-control", b"no-store")]


def _discreet(headers: Headers) -> Headers:
    """Of a page whose URL holds an id: what its links lead to is not told the path of that URL."""
    given = [value for name, value in headers if name.lower() == b"referrer-policy"]
    policies = {policy.strip().lower() for value in given for policy in value.split(b",")}
    if policies and policies <= _PATHLESS:
        return headers
    kept = [header for header in headers if header[0].lower() != b"referrer-policy"]
    # Not `no-referrer`: forms would come with `Origin: null` (Fetch §3.1), and be refused by whoever compares it.
    return [*kept, (b"referrer-policy", b"strict-origin")]


def as_bytes(headers: Iterable[tuple[str, str]]) -> Headers:
    """Headers as bytes, of the text that WSGI and its kin have (PEP 3333: latin-1)."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def as_text(headers: Headers) -> list[tuple[str, str]]:
    """Headers as that text."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
