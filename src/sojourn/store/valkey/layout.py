"""Layout: under which names things rest in Valkey, and as which bytes.

All that belongs to one session has one tag, so that one script sees all of it in one slot of a cluster:

====================  ======  =========================================================================================
``P:{tag}:s:PLACE``   string  a record, or the stub at a key that was left; a place is ``key/app``
``P:{tag}:refs``      hash    ref and app → the key of the session, and those of the stubs that lead to it
``P:{tag}:due``       zset    what a sweep has to look at (``R`` + ref and app, ``S`` + place of a stub), and when
``P:{tag}:l:REF``     string  who has the sole right to a session
====================  ======  =========================================================================================

Two registers rest elsewhere. They are written before the record and cleaned after it, so they name all that is there,
and perhaps what is not there any more: whoever reads them looks at the record.

=======================  ======  ======================================================================================
``P:{iNN}:index``        zset    ref, app, tag and the time of entry of all sessions, in that order; 16 of them
``P:{pHASH}:seats:APP``  hash    ref → tag, version and time of entry of the sessions of one principal
``P:{pHASH}:apps``       set     the applications that one principal has sessions of
=======================  ======  ======================================================================================
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib

import msgspec

from sojourn.core.record import Record
from sojourn.errors import StoreDamaged
from sojourn.store.base import Change

__all__ = [
    "SHARDS",
    "TAGS",
    "Names",
    "Stub",
    "change",
    "day",
    "field",
    "message",
    "moved_to",
    "pack",
    "tag_of",
    "times",
    "unpack",
    "unpack_place",
    "version_of",
]

_HEAD = struct.Struct("<cc3dqqddIII")  # what the scripts look at comes first, at places that never move
_NOBODY = 0xFFFFFFFF  # the length of a principal who is not
_VERSION = struct.Struct("<q")
_STUB = struct.Struct("<ccd")
_MESSAGE = struct.Struct("<cqI")
_DAMAGED = "a record in Valkey is not what Sojourn wrote; it was left as it is"

_LETTERS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
TAGS = tuple(one + two for one in _LETTERS for two in _LETTERS)
"""All tags: what a key of base64url can begin with."""
_TAGS = frozenset(TAGS)
SHARDS = 16  # parts of the index: a part of a million sessions has 60,000, and they spread over a cluster


class Names:
    """The names of keys within one namespace."""

    def __init__(self, prefix: str, db: int) -> None:
        """`prefix`: of all keys. `db`: the number of the database, since channels belong to the whole server."""
        self.prefix = prefix
        self.channel = f"{prefix}:changes:{db}"

    def root(self, tag: str) -> str:
        """What the names of all that has `tag` begin with."""
        return f"{self.prefix}:{{{tag}}}:"

    def index(self, ref: str) -> str:
        """The part of the index that holds `ref`."""
        return self.shard(zlib.crc32(ref.encode()) % SHARDS)

    def shard(self, number: int) -> str:
        """A part of the index."""
        return f"{self.prefix}:{{i{number:02}}}:index"

    def principal(self, principal: str) -> str:
        """What the names of the registers of `principal` begin with."""
        return f"{self.prefix}:{{p{hashlib.blake2b(principal.encode(), digest_size=12).hexdigest()}}}:"


class Stub:
    """What is at a key that was left."""

    __slots__ = ("leads", "target", "until")

    def __init__(self, value: bytes) -> None:
        """`value`: as it is stored. Raises `StoreDamaged`."""
        try:
            _, leads, self.until = _STUB.unpack_from(value)
            self.target = value[_STUB.size :].decode()
        except (struct.error, UnicodeDecodeError):
            raise StoreDamaged(_DAMAGED) from None
        self.leads = leads == b"1"

    def open(self, now: float) -> bool:
        """Whether a load follows it."""
        return bool(self.leads and self.until > now)


def tag_of(key: str) -> str:
    """What keys of one session have in common: their first two characters."""
    tag = key[:2]
    return tag if tag in _TAGS else "__"


def field(ref: str, app: str) -> str:
    """A ref and an application as one text that can be taken apart."""
    return f"{len(ref.encode())}/{ref}{app}"


def version_of(record: Record) -> bytes:
    """The version as it stands in the packed record."""
    return _VERSION.pack(record.version)


def times(record: Record) -> bytes:
    """The times that a touch carries over."""
    return struct.pack("<dd", record.accessed_at, record.expires_at)


def pack(record: Record) -> bytes:
    """The record as one string. Key and app are in the name that it is stored under."""
    ref, node = record.ref.encode(), record.node.encode()
    principal = None if record.principal is None else record.principal.encode()
    head = _HEAD.pack(
        b"R",
        b"-",
        record.accessed_at,
        record.expires_at,
        record.absolute_at,
        record.version,
        record.epoch,
        record.created_at,
        record.renewed_at,
        len(ref),
        _NOBODY if principal is None else len(principal),
        len(node),
    )
    return b"".join((head, ref, principal or b"", node, record.data))


def unpack(value: bytes, key: str, app: str) -> Record:
    """The record that `value` is. Raises `StoreDamaged`."""
    try:
        _, _, accessed, expires, absolute, version, epoch, created, renewed, *lengths = _HEAD.unpack_from(value)
        nobody = lengths[1] == _NOBODY
        principal_at = _HEAD.size + lengths[0]
        node_at = principal_at + (0 if nobody else lengths[1])
        data_at = node_at + lengths[2]
        return Record(
            key=key,
            app=app,
            ref=_text(value, _HEAD.size, principal_at),
            principal=None if nobody else _text(value, principal_at, node_at),
            epoch=epoch,
            version=version,
            created_at=created,
            accessed_at=accessed,
            renewed_at=renewed,
            expires_at=expires,
            absolute_at=absolute,
            node=_text(value, node_at, data_at),
            data=value[data_at:],
        )
    except (struct.error, ValueError):  # UnicodeDecodeError is a ValueError
        raise StoreDamaged(_DAMAGED) from None


def _text(value: bytes, start: int, end: int) -> str:
    if end > len(value):
        raise ValueError
    return value[start:end].decode()


def unpack_place(place: bytes) -> tuple[str, str]:
    """Key and application of a place."""
    key, _, app = place.decode().partition("/")
    return key, app


def message(record: Record, *, key: str | None = None, version: int | None = None, node: str | None = None) -> bytes:
    """What a watch is told: that `record` was saved, or that it has left `key`. The scripts write the same."""
    text = (record.node if node is None else node).encode()
    head = _MESSAGE.pack(b"0" if key is None else b"1", record.version if version is None else version, len(text))
    return head + text + f"{record.key if key is None else key}/{record.app}".encode()


def change(told: bytes, number: int) -> Change:
    """The change that a message tells."""
    flag, version, length = _MESSAGE.unpack_from(told)
    node_at = _MESSAGE.size
    key, app = unpack_place(told[node_at + length :])
    node = told[node_at : node_at + length].decode()
    return Change(number=number, key=key, app=app, version=version, node=node, ended=flag == b"1")


def day(at: float) -> float:
    """The day that `at` falls on, for those who act once a day."""
    return at if math.isinf(at) else at // 86_400


def moved_to(record: Record, key: str) -> Record:
    """`record` at another key."""
    return msgspec.structs.replace(record, key=key)
