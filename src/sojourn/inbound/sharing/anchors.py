"""Anchors: what proves that an id was issued, and tells where each application has its session.

An anchor rests at the key of the id, as a record of no application. It holds a name for each application, and that
application's session rests at the place of that name, which nobody can come with: it is the hash of nothing. So an id
is renewed for all applications by moving the anchor, and a session changes hands by the one save that moves the anchor
and lets it lead to another place.
"""

from __future__ import annotations

import base64
import hashlib
import math
import secrets
from typing import Any

import msgspec

from sojourn.core import codec
from sojourn.core.record import Record

__all__ = [
    "ANCHORS",
    "Link",
    "SharedRecord",
    "anchor_ref",
    "blank",
    "first",
    "is_place",
    "leading",
    "name_for",
    "name_of",
    "names",
    "place",
    "seen",
    "used",
]

ANCHORS = ""
"""Their application: none has that name."""

MARGIN = 120.0  # seconds that an anchor outlives the sessions at it, so that not each of their uses puts its end off
_STRIDE = 1 << 28  # versions from the first of one session to the first of the next that the application has there

_REF = 16  # characters of a ref
_NAME = 26  # characters of a name: with tag, dot and ref they make a key

_decode = msgspec.msgpack.Decoder(dict[str, str]).decode
_encode = msgspec.msgpack.Encoder().encode


class Link:
    """Where a session of several applications is, for the request that has it: followed as it moves."""

    __slots__ = ("anchor", "bound", "name", "tried")

    def __init__(self, anchor: Record, name: str, *, bound: bool) -> None:
        """`anchor`: as it was seen. `name`: of the place. `bound`: whether the anchor leads there."""
        self.anchor = anchor
        self.name = name
        self.bound = bound
        self.tried: Record | None = None
        """What was to be stored last, so that it is known again when it is asked for again."""

    @property
    def place(self) -> str:
        """Where the session rests."""
        return place(self.anchor.key, self.anchor.ref, self.name)


class SharedRecord(Record, frozen=True, kw_only=True):
    """A session as its application sees it: under the id, with the age of the id."""

    link: Link

    @property
    def stored(self) -> bool:  # type: ignore[override]
        """As `Record`: False where the application has no session under the id, and this is where one may begin."""
        return self.version_of_its_own > 0

    @property
    def version_of_its_own(self) -> int:
        """How often this session was saved."""
        return self.version % _STRIDE


def is_place(key: str) -> bool:
    """Whether a session rests there, or an anchor: a key of base64url has no dot."""
    return key[2:3] == "."


def place(key: str, ref: str, name: str) -> str:
    """Where the session of that name rests, by the key and ref of the anchor: with the same tag."""
    return f"{key[:2]}.{ref}{name}"


def name_of(key: str) -> str:
    """The name of the place that `key` is."""
    return key[3 + _REF :]


def anchor_ref(key: str) -> str:
    """The ref of the anchor that leads to a place, or that is made for an id."""
    return key[3 : 3 + _REF] if is_place(key) else _ref("anchor", key)


def names(anchor: Record) -> dict[str, str]:
    """By application, the name of the place that it has or had its session at."""
    return _decode(anchor.data)


def first(record: Record) -> Record:
    """The anchor for a session that is the first under its id."""
    return msgspec.structs.replace(
        record,
        app=ANCHORS,
        ref=anchor_ref(record.key),
        principal=None,
        epoch=0,
        version=1,
        absolute_at=math.inf,
        expires_at=record.expires_at + MARGIN,
        data=_encode({record.app: name_for(record.key)}),
    )


def name_for(key: str) -> str:
    """The name of the place for what gets the id of `key`: always the same, so who asks again finds what was done."""
    return base64.urlsafe_b64encode(_hash("name", key)).decode()[:_NAME]


def seen(anchor: Record, name: str, record: Record, *, came: str, bound: bool = True) -> SharedRecord:
    """What is stored, as its application sees it. `came`: the key of the id that the request came with."""
    accessed_at = record.accessed_at
    if came != anchor.key:  # by an id that was renewed since: what counts is whether anybody uses the new one
        accessed_at = anchor.accessed_at
    elif not used(anchor):
        accessed_at = min(accessed_at, anchor.accessed_at)
    fields: dict[str, Any] = {each: getattr(record, each) for each in Record.__struct_fields__}
    fields |= {"key": anchor.key, "accessed_at": accessed_at, "renewed_at": anchor.renewed_at}
    return SharedRecord(**fields, link=Link(anchor, name, bound=bound))


def blank(anchor: Record, app: str, before: str, now: float, *, came: str) -> SharedRecord:
    """Where the application's next session may begin. `before`: the name of its last one there.

    For all who may begin it at the same time it has one ref, so that one of them is the first. Its versions begin
    beyond those of the last, so that no copy of that is taken for it.
    """
    return SharedRecord(
        key=anchor.key,
        app=app,
        ref=_ref("session", anchor.ref, anchor.epoch, app, before),
        principal=None,
        epoch=0,
        version=(anchor.version + 1) * _STRIDE,
        created_at=now,
        accessed_at=anchor.accessed_at if came != anchor.key or used(anchor) else 0.0,
        renewed_at=now,  # age alone gives no new id to who has nothing here
        expires_at=now,
        absolute_at=math.inf,
        node="",
        data=codec.write({}),
        link=Link(anchor, secrets.token_urlsafe(_NAME)[:_NAME], bound=False),
    )


def used(anchor: Record) -> bool:
    """Whether the id was used since it was renewed."""
    return anchor.accessed_at > anchor.renewed_at or anchor.renewed_at <= anchor.created_at


def leading(anchor: Record, record: Record, name: str, *, moves: bool = False, signs_in: bool = False) -> Record:
    """The anchor, when it leads to `record` at the place of that name. `moves`: to the key that `record` has."""
    return msgspec.structs.replace(
        anchor,
        key=record.key if moves else anchor.key,
        epoch=anchor.epoch + signs_in,
        version=anchor.version + 1,
        accessed_at=max(anchor.accessed_at, record.accessed_at),
        renewed_at=record.renewed_at if moves else anchor.renewed_at,
        expires_at=max(anchor.expires_at, record.expires_at + MARGIN),
        node=record.node,
        data=_encode(names(anchor) | {record.app: name}),
    )


def _hash(*of: object) -> bytes:
    return hashlib.sha256("\0".join(map(str, of)).encode()).digest()


def _ref(*of: object) -> str:
    return base64.b32encode(_hash(*of)[:10]).decode().lower()
