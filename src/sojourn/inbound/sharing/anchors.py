"""Anchors: what proves that an id was issued, and from where each application's session is found.

An anchor rests at the key of the id, as a record of no application. Each application's session rests at a place that
follows from the anchor's ref, which stays while ids come and go. Nobody can come with a place: it is no hash of an id.

A session bears the epoch of the anchor under which it was written last. Who came by an anchor of an earlier epoch, and
so before a sign-in, is not shown it.
"""

from __future__ import annotations

import base64
import hashlib
import math

import msgspec

from sojourn.core import codec
from sojourn.core.ids import new_ref
from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record

__all__ = [
    "ANCHORS",
    "anchor_ref",
    "applications",
    "blank",
    "first",
    "is_place",
    "led",
    "place",
    "resting",
    "seen",
    "used",
]

ANCHORS = ""
"""Their application: none has that name."""

MARGIN = (
    2 * GRACE
)  # seconds that an anchor outlives the sessions at it, so that not each of their uses puts its end off
LONGEST = 400 * 86400.0  # seconds that an id lives unused: no browser keeps a cookie for longer (RFC 6265bis, 5.5)

_REF = 16  # characters of a ref
_NAME = 26  # characters of a name: with tag, dot and ref they make a key

_decode = msgspec.msgpack.Decoder(list[str]).decode
_encode = msgspec.msgpack.Encoder().encode


def is_place(key: str) -> bool:
    """Whether a session rests there, or an anchor: a key of base64url has no dot."""
    return key[2:3] == "."


def place(anchor: Record, app: str) -> str:
    """Where the application's session rests: with the tag of the id."""
    name = base64.urlsafe_b64encode(hashlib.sha256(app.encode()).digest()).decode()
    return f"{anchor.key[:2]}.{anchor.ref}{name[:_NAME]}"


def anchor_ref(key: str) -> str:
    """The ref of the anchor whose place `key` is."""
    return key[3 : 3 + _REF]


def applications(anchor: Record) -> list[str]:
    """Those that have, or had, a session under the id."""
    return _decode(anchor.data)


def first(record: Record, now: float) -> Record:
    """The anchor of a new id, for `record` that is the first session under it."""
    return msgspec.structs.replace(
        record,
        app=ANCHORS,
        ref=new_ref(),
        principal=None,
        version=1,
        expires_at=_end(record, now),
        absolute_at=math.inf,
        data=_encode([record.app]),
    )


def led(anchor: Record, record: Record, now: float) -> Record:
    """The anchor, led to the key and into the epoch of `record`, and with its application."""
    known = applications(anchor)
    return msgspec.structs.replace(
        used(anchor, record, now),
        key=record.key,
        epoch=record.epoch,
        version=anchor.version + 1,
        renewed_at=anchor.renewed_at if anchor.key == record.key else record.renewed_at,
        node=record.node,
        data=anchor.data if record.app in known else _encode([*known, record.app]),
    )


def used(anchor: Record, record: Record, now: float) -> Record:
    """The anchor with the times that a use of `record` gives it."""
    return msgspec.structs.replace(
        anchor,
        accessed_at=max(anchor.accessed_at, record.accessed_at),
        expires_at=max(anchor.expires_at, _end(record, now)),
    )


def resting(record: Record, anchor: Record, now: float) -> Record:
    """`record` as it is stored, at its place."""
    return msgspec.structs.replace(
        record, key=place(anchor, record.app), expires_at=min(record.expires_at, now + LONGEST)
    )


def seen(stored: Record, anchor: Record, came: str) -> Record:
    """What is stored, as its application sees it: under the id, in its epoch. `came`: the key that it was asked by."""
    accessed_at = stored.accessed_at
    if came != anchor.key:  # by an id that was renewed since: what counts is whether anybody uses the new one
        accessed_at = anchor.accessed_at
    elif anchor.accessed_at <= anchor.renewed_at:  # the first use of the new id is to be told to the anchor
        accessed_at = min(accessed_at, anchor.accessed_at)
    return msgspec.structs.replace(
        stored, key=anchor.key, epoch=anchor.epoch, accessed_at=accessed_at, renewed_at=anchor.renewed_at
    )


def blank(anchor: Record, app: str, now: float) -> Record:
    """Where the application has no session, and may begin one."""
    return Record(
        key=anchor.key,
        app=app,
        ref=new_ref(),
        principal=None,
        epoch=anchor.epoch,
        version=0,
        created_at=now,
        accessed_at=now,
        renewed_at=anchor.renewed_at,
        expires_at=now,
        absolute_at=math.inf,
        node="",
        data=codec.write({}),
    )


def _end(record: Record, now: float) -> float:
    return min(record.expires_at + MARGIN, now + LONGEST)
