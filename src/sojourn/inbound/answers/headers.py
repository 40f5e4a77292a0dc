"""Headers: what an answer tells browsers and caches about the session."""

from __future__ import annotations

from collections.abc import Iterable

from sojourn.inbound.tracking.cookies import Headers

__all__ = ["as_bytes", "as_text", "told", "varied"]

# How a header ends that allows storing: those for some caches alone (`CDN-Cache-Control` …) win over the general one
# there (RFC 9213 §2.2).
_CACHING = (b"cache-control", b"surrogate-control")


def told(headers: Iterable[tuple[bytes, bytes]], lines: Headers) -> Headers:
    """The headers of an answer that depends on a session, with the `lines` that tell the visitor of it."""
    headers = varied(headers)
    if lines:
        # A stored copy would hand the cookie to somebody else (CVE-2023-30861).
        headers = [header for header in headers if not header[0].lower().endswith(_CACHING)]
        headers.append((b"cache-control", b"no-store"))
        headers += lines
    return headers


def varied(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers, with a Vary that holds Cookie: a cache must not show what depends on a session to another."""
    given = list(headers)
    kept = [header for header in given if header[0].lower() != b"vary"]
    if len(kept) == len(given):
        kept.append((b"vary", b"Cookie"))
        return kept
    fields = [field.strip() for name, value in given if name.lower() == b"vary" for field in value.split(b",")]
    if b"*" not in fields and b"cookie" not in [field.lower() for field in fields]:
        fields.append(b"Cookie")
    kept.append((b"vary", b", ".join(fields)))
    return kept


def as_bytes(headers: Iterable[tuple[str, str]]) -> Headers:
    """Headers as bytes, of the text that WSGI and its kin have (PEP 3333: latin-1)."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def as_text(headers: Headers) -> list[tuple[str, str]]:
    """Headers as that text."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
