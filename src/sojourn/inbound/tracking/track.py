"""Track: how the session of one request came, and how its visitor is told what became of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sojourn.core.ids import SessionId
from sojourn.core.outcome import Outcome
from sojourn.core.session import Session
from sojourn.inbound.tracking.cookies import SET, Headers
from sojourn.inbound.tracking.encoding import encoded
from sojourn.inbound.tracking.request import Request

if TYPE_CHECKING:
    from sojourn.inbound.tracking.ways import Way, Ways

__all__ = ["HEADER", "RequestTrack"]

HEADER = b"x-session-id"


class RequestTrack:
    """The track of one request."""

    __slots__ = ("_came", "_lead", "_route", "_ways", "encoded", "request")

    def __init__(
        self, ways: Ways, request: Request, lead: Way | None, came: Collection[Way] = (), route: str = ""
    ) -> None:
        """`lead`: the way that the session came in, or that a new one is told in; None when there is no such way.

        `came`: all ways that carried its id. `route`: that came along.
        """
        self.encoded = False
        """Whether a URL was given out that tells what is the visitor's own."""
        self.request = request
        self._ways = ways
        self._lead = lead
        self._came = came
        self._route = route

    @property
    def mute(self) -> bool:
        """Whether the visitor cannot be told of a new session, so that it would be lost."""
        return self._lead is None

    @property
    def keeps_id(self) -> bool:
        """As `Track`."""
        return self._lead == "certificate" or (bool(self._came) and set(self._came) == {"url"})

    @property
    def given(self) -> SessionId | None:
        """The id that a new session gets, where the visitor has it from elsewhere."""
        return self._ways.certificate_of(self.request) if self._lead == "certificate" else None

    def anew(self) -> RequestTrack:
        """For a new session in the place of the one that came."""
        return RequestTrack(self._ways, self.request, self._ways.first(self.request))

    def encode(self, url: str, given: SessionId, *, redirect: bool) -> str:
        """As `Track`."""
        rewriting, route = self._ways.rewriting, self._ways.route
        if rewriting is None:
            return url
        if self._lead in ("header", "certificate"):
            if route is None or "cookie" in self._ways.order:
                return url
            parameter = f"{rewriting.route_name}={route}"
        elif "cookie" in self._came and not rewriting.always_encode:
            return url
        else:
            parameter = f"{rewriting.name}={self._ways.cookies.spell(given)}"
        with_it = encoded(url, parameter, rewriting, self.request, redirect=redirect)
        self.encoded = self.encoded or with_it is not url
        return with_it

    def write(self, session: Session, outcome: Outcome) -> Headers:
        """The headers that tell the visitor of `outcome`."""
        given_out = outcome.set_id or session.owed_id
        if self._lead in ("header", "certificate"):
            return self._write_aside(given_out, clear=outcome.clear)
        cookies = self._ways.cookies
        if "cookie" in self._came or ("cookie" in self._ways.order and outcome.set_id is not None):
            return cookies.write(session, outcome)
        return []  # what came in a URL alone is put into no cookie: it may be another's

    def _write_aside(self, given_out: SessionId | None, *, clear: bool) -> Headers:
        """Where no cookie carries the id: a header, or nothing; and the route in a cookie of its own."""
        lines: Headers = []
        if self._lead == "header" and (clear or given_out is not None):
            lines.append((HEADER, b"" if given_out is None or clear else given_out.secret.encode()))
        ways, cookie = self._ways, self._ways.cookies.cookie
        if ways.route_cookie is None:
            return lines
        if clear and self._route:
            lines.append((SET, cookie.clear(ways.route_cookie)))
        elif given_out is not None and not clear and self._route != ways.route:
            lines.append((SET, cookie.set(ways.route_cookie, str(ways.route))))
        return lines

    @property
    def varies(self) -> list[bytes]:
        """The headers of requests that an answer depends on, when it depends on the session."""
        return self._ways.varies

    @property
    def shareable(self) -> bool:
        """Whether a cache may keep what depends on the session, if it heeds those headers: no URL tells of TLS."""
        return not self.encoded and "certificate" not in self._ways.order

    @property
    def in_url(self) -> bool:
        """Whether the URL of the request held an id, so that it must not be told to where its links lead."""
        return bool(self.request.parameters)
