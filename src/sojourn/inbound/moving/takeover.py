"""Takeover: a session of another library becomes one of ours, once, however many requests come with its cookie."""

from __future__ import annotations

import base64
import hashlib
import logging
import math
from collections.abc import Sequence

import msgspec

from sojourn.core import codec, cookies, events
from sojourn.core.cookies import Cookie
from sojourn.core.events import Listeners
from sojourn.core.ids import SessionId, new_ref
from sojourn.core.record import Record, is_text, told_by
from sojourn.errors import Conflict, Gone, NotStorable, SettingError, SojournError, StoreUnavailable
from sojourn.inbound.keeping.rules import Rules
from sojourn.inbound.moving.predecessor import Found, Predecessor
from sojourn.store.base import Moves, Store, power

__all__ = ["Taken", "Takeover"]

CANDIDATES = 4  # values of one name that are looked up, as there may be several where others can plant some

MOMENT = 0.001  # seconds: what was renewed when it was created was never renewed, and this is about to be

_log = logging.getLogger(__name__)


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was taken over, as a request that still comes with the old cookie finds it."""

    record: Record | None
    """None: it was one that is here no more, or never was; it may have been replaced at a sign-in just now."""
    given: SessionId
    farewell: tuple[bytes, ...]


class Takeover:
    """Finds what requests with an old cookie are to go on with.

    The session is stored under a key that follows from what the other library called it. So of requests that come at
    the same time one creates it, the others meet what is there, and what they change is merged as ever. That key is of
    its own kind: no cookie of ours leads to it. The first answer that can tell the visitor moves the session to an id
    of ours as a renewal does, so that requests under way with the old cookie still find it, and for no longer.
    """

    def __init__(
        self, store: Store, rules: Rules, cookie: Cookie, predecessors: Sequence[Predecessor], listeners: Listeners
    ) -> None:
        """`cookie`: ours. `predecessors`: in the order in which they are asked. Raises `SettingError`."""
        if isinstance(predecessors, str) or not all(isinstance(each, Predecessor) for each in predecessors):
            raise SettingError("Sessions(takes_over=…): give a list of predecessors, as in [FlaskSession(client)]")
        self._store = store
        self._moves = power(store, Moves)
        self._rules = rules
        self._cookie = cookie
        self._listeners = listeners
        self._predecessors = [(each.cookie.name.encode(), each) for each in predecessors]

    def follow(self, rules: Rules, cookie: Cookie) -> None:
        """Go by other rules, and have another cookie, from now on."""
        self._rules, self._cookie = rules, cookie

    def concerns(self, headers: Sequence[bytes]) -> bool:
        """Whether a request may carry an old cookie."""
        return any(name in header for header in headers for name, _ in self._predecessors)

    async def take(self, headers: Sequence[bytes], *, named: bool) -> Taken | None:
        """What a request with these Cookie headers goes on with; None when it has no old cookie.

        `named`: whether it carries a cookie of our name, and so no old one but one of the same name. Raises
        `StoreUnavailable`, also when the other library's store is away.
        """
        first = None
        for name, predecessor in self._predecessors:
            if named and predecessor.cookie.name != self._cookie.name:
                continue
            for value in cookies.values(headers, name)[:CANDIDATES]:
                identity = predecessor.identify(value)
                if identity is None:
                    continue
                taken = await self._take(predecessor, identity)
                if taken.record is not None:
                    return taken
                first = first or taken
        return None if named else first

    async def _take(self, predecessor: Predecessor, identity: str) -> Taken:
        given = _StandIn(predecessor.name, identity)
        record = await self._load(given)
        if record is None:
            found = await _read(predecessor, identity)
            # Read after another request had removed it: then it was stored here before.
            record = await (self._load(given) if found is None else self._store_anew(found, given))
        if record is not None and record.key == given.key:  # whoever took it over may not have come so far
            await _remove(predecessor, identity)
        return Taken(record=record, given=given, farewell=self._farewell(predecessor.cookie))

    async def _load(self, given: SessionId) -> Record | None:
        return await self._store.load(given.key, self._rules.app)

    async def _store_anew(self, found: Found, given: SessionId) -> Record | None:
        rules = self._rules
        now = rules.clock()
        absolute_at = rules.lifetime.absolute_at(now)
        record = Record(
            key=given.key,
            app=rules.app,
            ref=new_ref(),
            principal=_principal(found, rules),
            epoch=0,
            version=1,
            created_at=now - MOMENT,
            accessed_at=now,
            renewed_at=-math.inf,  # it has no id of ours yet, so one is due
            expires_at=rules.lifetime.expires_at(now, absolute_at),
            absolute_at=absolute_at,
            node=rules.node,
            data=codec.write(_packed(found)),
        )
        try:
            await self._store.save(record, over=None)
        except (Conflict, Gone):
            return await self._load(given)  # another request was faster; None when it has ended since
        except StoreUnavailable:
            # Where visitors are served without their session meanwhile, this one is, too.
            if self._moves is None or not await self._moves.moved(given.key, rules.app):
                raise
            return None
        if self._listeners:
            self._listeners.tell(events.SessionCreated(ref=record.ref, app=record.app, principal=record.principal))
        return record

    def _farewell(self, theirs: Cookie) -> tuple[bytes, ...]:
        ours = self._cookie
        if (theirs.name, theirs.path, theirs.domain) == (ours.name, ours.path, ours.domain):
            return ()  # browsers put the one in the place of the other
        return (theirs.clear(theirs.name),)


class _StandIn(SessionId):
    """The id under which a request with an old cookie finds its session. It is never told to anybody."""

    __slots__ = ()

    passing = True

    def __init__(self, name: str, identity: str) -> None:
        digest = hashlib.sha256(f"{name}\0{identity}".encode(errors="surrogatepass")).digest()
        self.secret = base64.urlsafe_b64encode(digest)[:43].decode()
        hashed = hashlib.sha256(b"predecessor\0" + digest).digest()
        self.key = self.secret[:2] + base64.urlsafe_b64encode(hashed)[:43].decode()  # the tag, as of any id


async def _read(predecessor: Predecessor, identity: str) -> Found | None:
    try:
        return await predecessor.read(identity)
    except SojournError:
        raise
    except Exception as error:
        raise StoreUnavailable(
            f"what {predecessor.name} kept cannot be read ({type(error).__name__}); its visitors wait until it can"
        ) from error


async def _remove(predecessor: Predecessor, identity: str) -> None:
    try:
        await predecessor.remove(identity)
    except Exception as error:  # noqa: BLE001 - whatever it is, the session is here, and goes on
        reason = type(error).__name__
        _log.warning("a session taken over from %s was not removed there (%s)", predecessor.name, reason)


def _principal(found: Found, rules: Rules) -> str | None:
    if found.principal is not None or rules.principal is None:
        return found.principal if is_text(found.principal) else None
    try:
        return told_by(found.attributes.get(rules.principal), rules.principal)
    except NotStorable:
        return None


def _packed(found: Found) -> codec.Attributes:
    attributes: dict[str, codec.Packed] = {}
    for name, value in found.attributes.items():
        if not is_text(name):
            _log.warning("taken over without an attribute whose name is a %s", type(name).__name__)
            continue
        try:
            attributes[name] = codec.pack(value, f"session[{name!r}]")
        except NotStorable as error:
            _log.warning("taken over without an attribute: %s", error)
    return attributes
