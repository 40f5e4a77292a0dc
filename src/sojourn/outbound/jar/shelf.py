"""Shelf: where cookies are kept: by domain, within limits, and none longer than it lives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from sojourn.outbound.jar.hosts import domain_matches, domains
from sojourn.outbound.jar.stored import Stored
from sojourn.outbound.jar.targets import Target, path_matches

__all__ = ["Shelf"]

_MOST_OF_DOMAIN = 50  # RFC 6265bis §6.1
_MOST = 3000


class Shelf:
    """The store of RFC 6265bis §5.7. At most one cookie for each name, domain, path, and host-only or not."""

    __slots__ = ("_domains", "_expiry", "_length", "_order", "_secure")

    def __init__(self) -> None:
        self._domains: dict[str, dict[tuple[str, str, bool], Stored]] = {}
        self._secure: dict[str, list[Stored]] = {}  # those that are, by name
        self._expiry = math.inf  # nothing expires before
        self._length = 0
        self._order = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Stored]:
        for kept in self._domains.values():
            yield from kept.values()

    def by_place(self) -> dict[tuple[str, tuple[str, str, bool]], Stored]:
        """All of them, by domain and place."""
        return {(cookie.domain, cookie.place): cookie for cookie in self}

    @property
    def expiry(self) -> float:
        """When the next cookie may expire."""
        return self._expiry

    def at(self, target: Target) -> list[Stored]:
        """The cookies that go to a target, in the order in which they are sent (RFC 6265bis §5.8.3)."""
        host, path, secure = target
        found = [
            cookie
            for domain in domains(host)
            for cookie in self._domains.get(domain, {}).values()
            if (secure or not cookie.secure)
            and (domain is host or not cookie.host_only)
            and path_matches(path, cookie.path)
        ]
        if len(found) > 1:
            found.sort(key=lambda cookie: (-len(cookie.path), cookie.order))
        return found

    def overlays(self, cookie: Stored) -> bool:
        """Whether it would be taken for a secure one, or hide it (RFC 6265bis §5.7, step 16)."""
        return any(
            path_matches(cookie.path, guarded.path)
            and (domain_matches(guarded.domain, cookie.domain) or domain_matches(cookie.domain, guarded.domain))
            for guarded in self._secure.get(cookie.name, ())
        )

    def put(self, cookie: Stored, now: float) -> bool:
        """Keep a cookie in the place of the one that is there; whether that makes a difference."""
        kept = self._domains.get(cookie.domain)
        old = None if kept is None else kept.get(cookie.place)
        if old is not None:
            if old.says(cookie):
                old.accessed_at = now
                return False
            self._drop(old)
            cookie.created_at, cookie.order = old.created_at, old.order
        if cookie.expires_at <= now:
            return old is not None
        if old is None:
            self._order += 1
            cookie.order = self._order
        self.add(cookie)
        return True

    def add(self, cookie: Stored) -> None:
        """Keep a cookie whose place is free; any other is left out."""
        kept = self._domains.setdefault(cookie.domain, {})
        if kept.setdefault(cookie.place, cookie) is not cookie:
            return
        self._length += 1
        self._order = max(self._order, cookie.order)
        self._expiry = min(self._expiry, cookie.expires_at)
        if cookie.secure:
            self._secure.setdefault(cookie.name, []).append(cookie)

    def expire(self, now: float) -> bool:
        """Drop what has expired; whether anything had."""
        if now < self._expiry:
            return False
        expired = [cookie for cookie in self if cookie.expires_at <= now]
        self._drop_all(expired)
        self._expiry = min((cookie.expires_at for cookie in self), default=math.inf)
        return bool(expired)

    def trim(self, touched: Iterable[str]) -> None:
        """Drop what is too much of these domains and in all: first what is not secure, then what was used least lately.

        Nothing that has expired is there any more, and no domain is over its limit when all are counted: so this is
        the order of RFC 6265bis §5.7.
        """
        for domain in touched:
            kept = self._domains.get(domain, {})
            if len(kept) > _MOST_OF_DOMAIN:
                ranked = sorted(kept.values(), key=lambda cookie: (cookie.secure, cookie.accessed_at, cookie.order))
                self._drop_all(ranked[: len(kept) - _MOST_OF_DOMAIN])
        if self._length > _MOST:
            ranked = sorted(self, key=lambda cookie: (cookie.accessed_at, cookie.order))
            self._drop_all(ranked[: self._length - _MOST])

    def _drop_all(self, cookies: Iterable[Stored]) -> None:
        for cookie in cookies:
            self._drop(cookie)

    def _drop(self, cookie: Stored) -> None:
        kept = self._domains[cookie.domain]
        del kept[cookie.place]
        self._length -= 1
        if not kept:
            del self._domains[cookie.domain]
        if cookie.secure:
            same = self._secure[cookie.name]
            same[:] = [each for each in same if each is not cookie]
            if not same:
                del self._secure[cookie.name]
