"""Events: what happened to a session, as frozen values, told to listeners once the store has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from sojourn.core import codec
from sojourn.core.record import Record

__all__ = [
    "AffinityBroken",
    "AttributeUnreadable",
    "ChangedLate",
    "ChangesDropped",
    "Event",
    "FellBack",
    "IdRefused",
    "IdRenewed",
    "Listener",
    "Reason",
    "SessionCreated",
    "SessionEnded",
    "SessionUnreadable",
]

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
    """A session has ended; announced once in the cluster.

    When a node dies between announcing an expiry and noting that down, another repeats it with the same `event_id`.
    """

    principal: str | None
    reason: Reason
    data: bytes

    @classmethod
    def of(cls, record: Record, reason: Reason) -> SessionEnded:
        """The event for the last record of a session."""
        return cls(ref=record.ref, app=record.app, principal=record.principal, reason=reason, data=record.data)

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


class IdRenewed(Event, frozen=True):
    """A session got a new id: at a sign-in or by `renew()` (`epoch` rose), or because the old one had its time."""

    principal: str | None
    epoch: int


class ChangesDropped(Event, frozen=True):
    """Changes of these attributes were not stored: the session had ended, or was signed in elsewhere, meanwhile."""

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


class AffinityBroken(Event, frozen=True):
    """A request came to this node with the route of another: its session was served, and is bound to this node now."""

    came_from: str


class FellBack(Event, frozen=True):
    """A visitor had seen version `told`, and the store has but an older one: a fail-over or a backup lost the rest.

    Or the visitor made it up. What is stored holds.
    """

    told: int
    version: int


Listener = Callable[[Event], None]
"""Is called with every event, in the process where it happened. What it raises is logged and goes no further."""
