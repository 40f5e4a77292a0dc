"""Events: what happened to a session, as frozen values, and who is told of it once the store has it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from sojourn.core import codec
from sojourn.core.codec import Attributes
from sojourn.core.record import Record
from sojourn.errors import SettingError, Unreadable

__all__ = [
    "AffinityBroken",
    "AttributeAdded",
    "AttributeChanged",
    "AttributeRemoved",
    "AttributeReplaced",
    "AttributeUnreadable",
    "ChangedLate",
    "ChangesDropped",
    "Detail",
    "Event",
    "FellBack",
    "IdRefused",
    "IdRenewed",
    "Listener",
    "Listeners",
    "Reason",
    "SessionAbsent",
    "SessionActivated",
    "SessionCreated",
    "SessionEnded",
    "SessionPassivated",
    "SessionRefused",
    "SessionUnreadable",
    "StrangerRefused",
    "TrackingDisagreed",
    "details",
]

_log = logging.getLogger(__name__)

Reason = Literal["idle", "absolute", "signed-out", "evicted", "revoked"]
"""Why a session ended: unused for too long, at its absolute limit, by its own `end()`, for another one of the same
principal beyond the limit, or by `Sessions.end`."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What every event tells: the public name of the session and its application. Never an id."""

    ref: str
    app: str


class SessionCreated(Event, frozen=True):
    """A session was stored for the first time."""

    principal: str | None


class SessionEnded(Event, frozen=True):
    """A session has ended; announced once in the fleet.

    When a node dies between announcing an expiry and noting that down, another repeats it with the same `event_id`.
    """

    principal: str | None
    reason: Reason
    data: bytes
    created_at: float
    """When it was first stored, in seconds since the epoch."""
    accessed_at: float
    """When it was last used, as far as that was stored."""

    @classmethod
    def of(cls, record: Record, reason: Reason) -> SessionEnded:
        """The event for the last record of a session."""
        return cls(
            ref=record.ref,
            app=record.app,
            principal=record.principal,
            reason=reason,
            data=record.data,
            created_at=record.created_at,
            accessed_at=record.accessed_at,
        )

    @property
    def event_id(self) -> str:
        """The same for every announcement of this end."""
        return f"{self.app}/{self.ref}/ended"

    def attributes(self) -> dict[str, Any]:
        """What the session held, decoded now; attributes that cannot be read are left out."""
        held: dict[str, Any] = {}
        try:
            attributes = codec.read(self.data)
        except codec.Undecodable:
            return held
        for name, packed in attributes.items():
            try:
                held[name] = codec.unpack(packed)
            except codec.Undecodable:
                continue
        return held

    def __repr__(self) -> str:
        return f"SessionEnded(ref={self.ref!r}, app={self.app!r}, principal={self.principal!r}, reason={self.reason!r})"


class SessionAbsent(Event, frozen=True):
    """A request came with an id that has no session: it has ended, or there never was one. `ref` is ""."""


class SessionRefused(Event, frozen=True):
    """A request wanted to store a session that there is no room for: nothing was stored, and the visitor was told so.

    The principal has as many sessions as one may have (`"limit"`), or the store is `"full"`.
    """

    reason: Literal["limit", "full"]


class IdRenewed(Event, frozen=True):
    """A session got a new id: at a sign-in or by `renew()` (`epoch` rose), or because the old one had its time."""

    principal: str | None
    epoch: int


class ChangesDropped(Event, frozen=True):
    """Changes of these attributes were not stored: the session had ended, or was signed in elsewhere, meanwhile.

    Of changes that were written behind the response, `names` is empty.
    """

    names: tuple[str, ...]


class ChangedLate(Event, frozen=True):
    """A session was changed after the first byte of its response: stored, but a cookie could not be sent."""

    names: tuple[str, ...]


class AttributeUnreadable(Event, frozen=True):
    """A stored attribute could not be read; it counts as absent, and its bytes are kept."""

    name: str
    reason: str


class SessionUnreadable(Event, frozen=True):
    """A stored session could not be read at all; the visitor is treated as one without a session."""

    reason: str


class IdRefused(Event, frozen=True):
    """A request named several ids under a name that browsers guard, so one is forged: none was used. `ref` is ""."""


class StrangerRefused(Event, frozen=True):
    """A request came with the id of another principal's session and did not get it. `ref` is that of the session."""


class TrackingDisagreed(Event, frozen=True):
    """A request came with two live sessions, in two ways of tracking: the way that comes first was followed."""

    followed: str
    passed_over: str
    other: str
    """The ref of the session that was passed over."""


class AffinityBroken(Event, frozen=True):
    """A request came to this node with the route of another: its session was served, and is bound to this node now."""

    came_from: str


class FellBack(Event, frozen=True):
    """A visitor had seen version `told`, and the store has but an older one: a fail-over or a backup lost the rest.

    Or the visitor made it up. What is stored holds.
    """

    told: int
    version: int


class Detail(Event, frozen=True):
    """Told only to those who ask for its kind, since it takes time to find out: `sessions.listen(f, AttributeChanged)`.

    Told by a save, in the process that made it, once the store has it.
    """


class SessionPassivated(Detail, frozen=True):
    """A session was stored: from now on another node may go on with it.

    Values are not told: they rest in the store between any two requests, and are made anew when they are read, by their
    class (`__post_init__`).
    """


class SessionActivated(Detail, frozen=True):
    """A session that another node wrote last was stored by this one: it has come over from there."""

    node: str
    """The other node."""


class AttributeChanged(Detail, frozen=True):
    """An attribute was added, replaced or removed. At the end of a session none is: `SessionEnded` holds them all."""

    name: str
    packed: bytes | None
    packed_before: bytes | None

    @property
    def value(self) -> Any:
        """A copy of what is stored now, None when it was removed. Decoded when asked for; raises `Unreadable`."""
        return _unpack(self.name, self.packed)

    @property
    def old(self) -> Any:
        """A copy of what was stored before this save, None when it was added; as `value`."""
        return _unpack(self.name, self.packed_before)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(ref={self.ref!r}, app={self.app!r}, name={self.name!r})"


class AttributeAdded(AttributeChanged, frozen=True):
    """There was no attribute of that name before."""


class AttributeReplaced(AttributeChanged, frozen=True):
    """Another value was stored, or the value was changed in place: `old` is what it was."""


class AttributeRemoved(AttributeChanged, frozen=True):
    """There is no attribute of that name any more."""


Listener = Callable[[Event], None]
"""Is called with events, in the process where they happened. What it raises is logged and goes no further."""


def details(record: Record, before: Record | None) -> Iterator[Detail]:
    """What a save of `record` over `before` was in detail. Attributes come in the order in which they are stored."""
    if before is not None and before.node != record.node:
        yield SessionActivated(ref=record.ref, app=record.app, node=before.node)
    yield SessionPassivated(ref=record.ref, app=record.app)
    if before is not None and before.data == record.data:
        return
    held, held_before = _attributes(record), {} if before is None else _attributes(before)
    for name in dict.fromkeys((*held_before, *held)):
        new, old = _bytes(held, name), _bytes(held_before, name)
        if new != old:
            kind = AttributeAdded if old is None else AttributeRemoved if new is None else AttributeReplaced
            yield kind(ref=record.ref, app=record.app, name=name, packed=new, packed_before=old)


def _attributes(record: Record) -> Attributes:
    try:
        return codec.read(record.data)
    except codec.Undecodable:  # was left behind by its principal, unread
        return {}


def _bytes(attributes: Attributes, name: str) -> bytes | None:
    packed = attributes.get(name)
    return None if packed is None else bytes(packed)


def _unpack(name: str, packed: bytes | None) -> Any:
    try:
        return None if packed is None else codec.unpack(packed)
    except codec.Undecodable as error:
        raise Unreadable(name, str(error)) from None


class Listeners:
    """Tells listeners of events. What one of them raises is logged, and reaches nobody."""

    def __init__(self) -> None:
        """Nobody listens."""
        self.details = False
        """Whether anybody wants details."""
        self._listeners: list[tuple[Listener, tuple[type[Event], ...]]] = []

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Listener, kinds: tuple[type[Event], ...] = ()) -> None:
        """Call `listener` from now on, with events of these kinds; without any, with all but details.

        Raises `SettingError` for what cannot be called, and for what is no kind of event.
        """
        if not callable(listener) or not all(isinstance(kind, type) and issubclass(kind, Event) for kind in kinds):
            raise SettingError("sessions.listen(…): give what is called with events, then the kinds of events it wants")
        self._listeners.append((listener, kinds))
        self.details = self.details or any(issubclass(kind, Detail) for kind in kinds) or Event in kinds

    def tell(self, event: Event) -> None:
        """Call them in the order in which they came; at the end of a session, the other way round."""
        # What came later may build on what was there before.
        listeners = reversed(self._listeners) if isinstance(event, SessionEnded) else self._listeners
        for listener, kinds in listeners:
            if not (isinstance(event, kinds) if kinds else not isinstance(event, Detail)):
                continue
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - whatever it is, the next listener and the visitor must not suffer
                _log.exception("a listener failed on %s", type(event).__name__)
