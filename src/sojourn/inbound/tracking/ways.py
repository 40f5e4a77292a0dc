"""Ways: in which ids travel, where that is not in cookies alone, and in which order they are looked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple, get_args

from sojourn.core import cookies, events
from sojourn.core.ids import CertificateId, SessionId
from sojourn.core.record import Record
from sojourn.errors import SettingError
from sojourn.inbound.tracking.certificates import Certificate
from sojourn.inbound.tracking.cookies import ROUTE, CookieTracking
from sojourn.inbound.tracking.request import Request
from sojourn.inbound.tracking.rewriting import Rewriting
from sojourn.inbound.tracking.track import HEADER, RequestTrack

__all__ = ["Found", "Way", "Ways", "ways_of"]

Way = Literal["cookie", "url", "header", "certificate"]
Load = Callable[[SessionId, "int | None"], Awaitable["Record | None"]]
Recall = Callable[[str, str, int], "Record | None"]
Tell = Callable[[events.Event], None]

CANDIDATES = 4  # ids of one way that are looked up, when it lets others plant some


class Carried(NamedTuple):
    """An id that a request came with."""

    way: Way
    id: SessionId
    route: str
    told: int | None
    """The version in the cookie."""


class Found(NamedTuple):
    """What there is for a request."""

    record: Record | None
    given: SessionId | None
    told: int | None
    route: str
    track: RequestTrack


class Ways:
    """The ways of one application. Cookie, URL and header carry the same id; a certificate is one of its own."""

    def __init__(
        self,
        order: Sequence[Way],
        cookies: CookieTracking,
        rewriting: Rewriting | None,
        certificate: Certificate | None,
    ) -> None:
        """`order`: which is looked at first. `cookies`: also spells ids with their route."""
        self.order = order
        self.cookies = cookies
        self.rewriting = rewriting
        self.route = cookies.route
        self._certificate = certificate
        self._aside = self.route is not None and ("cookie" in order or "url" not in order)
        self.varies = [b"Cookie"] if "cookie" in order or self._aside else []
        """The headers of requests that an answer depends on, when it depends on the session."""
        if "header" in order:
            self.varies.append(b"X-Session-Id")

    @property
    def route_cookie(self) -> str | None:
        """The name of the cookie that carries the route alone, where something else carries the id; None for none."""
        return f"{self.cookies.cookie.name}-route" if self._aside else None

    def recall(self, request: Request, app: str, recall: Recall | None, *, heeded: bool) -> Found | None:
        """What there is, if nobody has to be asked; None when the store has to be, or something is to be told.

        `heeded`: whether somebody listens, and wants to hear of ids that disagree.
        """
        carried, sound = self._carried(request)
        if not carried:
            return self._nothing(request, None) if sound else None
        first = carried[0]
        if recall is None or first.told is None or (heeded and len({each.id.key for each in carried}) > 1):
            return None
        record = recall(first.id.key, app, first.told)
        return None if record is None else self._found(request, carried, first, record)

    async def find(self, request: Request, app: str, load: Load, tell: Tell | None) -> Found:
        """What there is: of the ids that came, the first that has a session. `tell`: is told of what is not right."""
        carried, sound = self._carried(request)
        if not sound and tell is not None:
            tell(events.IdRefused(ref="", app=app))
        for at, each in enumerate(carried):
            record = await load(each.id, each.told)
            if record is not None:
                if tell is not None:
                    await self._compare(each, record, carried[at + 1 :], load, tell)
                return self._found(request, carried, each, record)
        given = next((each.id for each in carried if not each.id.fixed), None)
        if given is not None and tell is not None:
            tell(events.SessionAbsent(ref="", app=app))
        return self._nothing(request, given)

    def first(self, request: Request) -> Way | None:
        """The way that a new session is told in: the first of those that this visitor can be told in, None for none.

        A header is for those who ask for it with one, so that no script reads what a cookie keeps from it; unless there
        is no other way.
        """
        for way in self.order:
            if way in ("cookie", "url"):
                return way
            if way == "header" and request.header(HEADER):
                return way
            if way == "certificate" and self.certificate_of(request) is not None:
                return way
        return "header" if "header" in self.order else None

    def certificate_of(self, request: Request) -> CertificateId | None:
        """What the client's certificate stands for."""
        return None if self._certificate is None else self._certificate.shown(request)

    def _nothing(self, request: Request, given: SessionId | None) -> Found:
        track = RequestTrack(self, request, self.first(request), (), self._route_beside(request))
        return Found(None, track.given or given, None, "", track)

    def _found(self, request: Request, carried: Sequence[Carried], used: Carried, record: Record) -> Found:
        same = [each for each in carried if each.id.key == used.id.key]
        route = self._route_beside(request) if used.way in ("header", "certificate") else used.route
        # Who came without a version is told none, and so it is taken for the one that is stored.
        told = next((each.told for each in same if each.way == "cookie"), record.version)
        track = RequestTrack(self, request, used.way, {each.way for each in same}, route)
        return Found(record, used.id, told, route, track)

    async def _compare(self, used: Carried, record: Record, others: Sequence[Carried], load: Load, tell: Tell) -> None:
        """Tell of another live session that the same request came with, in another way."""
        for other in others:
            if other.way != used.way and other.id.key != used.id.key:
                found = await load(other.id, other.told)
                if found is not None and found.ref != record.ref:
                    tell(
                        events.TrackingDisagreed(
                            ref=record.ref, app=record.app, followed=used.way, passed_over=other.way, other=found.ref
                        )
                    )

    def _carried(self, request: Request) -> tuple[list[Carried], bool]:
        """The ids that a request came with, in the order of the ways; and whether none had to be refused."""
        carried: list[Carried] = []
        sound = True
        for way in self.order:
            if way == "certificate":
                shown = self.certificate_of(request)
                carried += [] if shown is None else [Carried(way, shown, "", None)]
                continue
            values, told = self._values(way, request)
            if len(values) > 1 and (way != "cookie" or self.cookies.cookie.prefixed):
                sound = False  # one of them was planted, and it cannot be told which (R09)
            else:
                parsed = filter(None, map(self.cookies.parse, values[:CANDIDATES]))
                carried += [Carried(way, given, route, told) for given, route in parsed]
        return carried, sound

    def _values(self, way: Way, request: Request) -> tuple[Sequence[bytes], int | None]:
        """What may be ids in one way, and the version that goes along."""
        if way == "cookie":
            return self.cookies.read(request.cookies)
        if way == "header":
            return [*dict.fromkeys(request.header(HEADER))], None
        name = self.rewriting.name if self.rewriting is not None else None
        values = [value for each, value in request.parameters if each == name]
        return [value.encode("utf-8", "replace") for value in dict.fromkeys(values)], None

    def _route_beside(self, request: Request) -> str:
        """The route that came without an id; "" for none."""
        if self.route is None:
            return ""
        if self.route_cookie is not None:
            found = [each.decode("latin-1") for each in cookies.values(request.cookies, self.route_cookie.encode())]
        else:
            name = self.rewriting.route_name if self.rewriting is not None else ""
            found = [value for each, value in request.parameters if each == name]
        return found[0] if len(found) == 1 and ROUTE.fullmatch(found[0]) else ""


def ways_of(
    tracking: Sequence[Way], cookies: CookieTracking, rewriting: Rewriting | None, certificate: Certificate | None
) -> Ways | None:
    """The ways that these settings name; None for cookies alone. Raises `SettingError`."""
    known = get_args(Way)
    if isinstance(tracking, str) or not tracking or len(set(tracking)) < len(tracking) or {*tracking} - {*known}:
        raise SettingError(f"Sessions(tracking={tracking!r}): give a list of some of {', '.join(known)}, each once")
    for way, name, kind, given in (
        ("url", "rewriting", Rewriting, rewriting),
        ("certificate", "certificate", Certificate, certificate),
    ):
        if given is not None and not isinstance(given, kind):
            raise SettingError(f"Sessions({name}=…): give a {kind.__name__}, not a {type(given).__name__}")
        if given is not None and way not in tracking:
            raise SettingError(f'Sessions({name}=…): it is for tracking=["{way}", …], which is off')
    if list(tracking) == ["cookie"]:
        return None
    return Ways(
        tuple(tracking),
        cookies,
        (rewriting or Rewriting()) if "url" in tracking else None,
        (certificate or Certificate()) if "certificate" in tracking else None,
    )
