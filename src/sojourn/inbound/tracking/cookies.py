"""Tracking: how a session's id, route and version travel with a visitor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from sojourn.core import cookies
from sojourn.core.cookies import Cookie
from sojourn.core.ids import SessionId
from sojourn.core.outcome import Outcome
from sojourn.core.session import Session
from sojourn.errors import SettingError

__all__ = ["ROUTE", "SET", "CookieTracking", "Headers"]

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, and values."""

SET = b"set-cookie"

ROUTE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_VERSION = 15  # digits: any such number is exact in every language that may look at it


class CookieTracking:
    """In cookies: the id, with the route behind a dot where one is set, and the version in a cookie of its own.

    The route names the node that made the session or served it last, for a balancer that keeps visitors at their node.
    It is no part of the secret, and whoever makes one up gains nothing: any node serves any session.
    """

    def __init__(self, cookie: Cookie, route: str | None) -> None:
        """`route`: of this node; None writes none, and pays no heed to what others wrote. Raises `SettingError`."""
        if route is not None and not (isinstance(route, str) and ROUTE.fullmatch(route)):
            raise SettingError(f"Sessions(route={route!r}): give 1 to 64 letters, digits, - or _")
        self.cookie = cookie
        self.route = route

    def use(self, cookie: Cookie) -> None:
        """Have it be another cookie, before the first request."""
        self.cookie = cookie
        for name in ("_name", "_usual"):
            self.__dict__.pop(name, None)

    def glance(self, headers: Sequence[bytes]) -> tuple[SessionId, str, int] | None:
        """Id, route and version as nearly all requests carry them; None where it takes a closer look."""
        if len(headers) != 1 or headers[0].count(self._name) != 2:
            return None
        found = self._usual.search(headers[0])
        if found is None:
            return None
        secret, route, version = found.groups(b"")
        return SessionId(secret.decode()), route.decode(), int(version)

    def read(self, headers: Sequence[bytes]) -> tuple[list[bytes], int | None]:
        """What may be ids, and the version that the visitor saw last; None when none is told, or none that can be."""
        ids, versions = cookies.versioned(headers, self._name)
        if len(versions) != 1 or len(versions[0]) > _LONGEST_VERSION or not versions[0].isdigit():
            return ids, None
        return ids, int(versions[0])

    def parse(self, value: bytes) -> tuple[SessionId, str] | None:
        """The id and the route ("": none) that `value` spells; None when it is none of ours."""
        secret, dot, route = value.partition(b".")
        given = SessionId.parse(secret)
        if given is None:
            return None
        if not dot:
            return given, ""
        text = route.decode("latin-1")
        return (given, text) if ROUTE.fullmatch(text) else None

    def write(self, session: Session, outcome: Outcome) -> Headers:
        """The headers that tell the visitor of `outcome`."""
        cookie = self.cookie
        if outcome.clear:
            return [(SET, cookie.clear(cookie.name)), (SET, cookie.clear(cookie.version_name))]
        lines: Headers = []
        given_out = outcome.set_id or session.owed_id
        if given_out is not None:
            lines.append((SET, cookie.set(cookie.name, self.spell(given_out), max_age=session.keep_for)))
        if outcome.set_version is not None:
            version = str(outcome.set_version)
            lines.append((SET, cookie.set(cookie.version_name, version, max_age=session.keep_for)))
        return lines

    @cached_property
    def _name(self) -> bytes:
        return self.cookie.name.encode()

    @cached_property
    def _usual(self) -> re.Pattern[bytes]:
        """One id, and behind it its version; at most a second name of the kind, as is counted before."""
        name, word = re.escape(self._name), rb"[A-Za-z0-9_-]"
        return re.compile(
            rb"(?:^|;)[ \t]*" + name + rb"=(" + word + rb"{43})(?:\.(" + word + rb"{1,64}))?[ \t]*;"
            rb"(?:[^;]*;)*?[ \t]*" + name + rb"-v=([0-9]{1,15})[ \t]*(?:;|\Z)"
        )

    def spell(self, given: SessionId) -> str:
        """The id as it travels, with the route."""
        return given.secret if self.route is None else f"{given.secret}.{self.route}"
