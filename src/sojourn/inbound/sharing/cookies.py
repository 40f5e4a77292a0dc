"""Cookies of several applications: one id, and a version for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from urllib.parse import quote

from sojourn.core import cookies
from sojourn.core.cookies import Cookie
from sojourn.core.ids import SessionId
from sojourn.core.outcome import Outcome
from sojourn.core.session import Session
from sojourn.inbound.tracking.cookies import SET, CookieTracking, Headers

__all__ = ["SharedTracking"]

_VERSION = re.compile(rb"[0-9]{1,15}")


class SharedTracking(CookieTracking):
    """The cookies of one of several applications; the version is in `<name>-v-<application>`.

    The end of a session takes its version alone, since the id is the others', too.
    """

    def __init__(self, cookie: Cookie, route: str | None, app: str) -> None:
        """`app`: the name of the application."""
        super().__init__(cookie, route)
        self._app = quote(app, safe="")  # what is left is fit for a cookie's name

    def use(self, cookie: Cookie) -> None:
        """As `CookieTracking`."""
        super().use(cookie)
        self.__dict__.pop("version_name", None)

    @cached_property
    def version_name(self) -> str:
        """The name of the cookie that carries the version."""
        return f"{self.cookie.version_name}-{self._app}"

    def glance(self, headers: Sequence[bytes]) -> tuple[SessionId, str, int] | None:
        """As `CookieTracking`; version 0 for none."""
        if len(headers) != 1 or headers[0].count(self._name + b"=") != 1:
            return None
        ids, version = self.read(headers)
        found = self.parse(ids[0]) if len(ids) == 1 else None
        return None if found is None else (*found, version)

    def read(self, headers: Sequence[bytes]) -> tuple[list[bytes], int]:
        """As `CookieTracking`; version 0 for none."""
        versions = cookies.values(headers, self.version_name.encode())
        told = int(versions[0]) if len(versions) == 1 and _VERSION.fullmatch(versions[0]) else 0
        return cookies.values(headers, self._name), told

    def write(self, session: Session, outcome: Outcome) -> Headers:
        """As `CookieTracking`."""
        cookie = self.cookie
        if session.ended and session.everywhere:
            return [(SET, cookie.clear(cookie.name)), (SET, cookie.clear(self.version_name))]
        if outcome.clear:
            return [(SET, cookie.clear(self.version_name))]
        lines: Headers = []
        if (given_out := outcome.set_id or session.owed_id) is not None:
            lines.append((SET, cookie.set(cookie.name, self.spell(given_out), max_age=session.keep_for)))
        if outcome.set_version is None:
            return lines
        if session.record is not None and session.record.stored:
            version = str(outcome.set_version)
            lines.append((SET, cookie.set(self.version_name, version, max_age=session.keep_for)))
        elif session.told:
            lines.append((SET, cookie.clear(self.version_name)))  # of a session that has ended since
        return lines
