"""Records for tests: one that is new, and what becomes of it."""

from __future__ import annotations

from typing import Any

import msgspec

from sojourn.core.ids import SessionId, new_ref
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record

__all__ = ["new", "newer", "renewed", "signed_in", "used"]

IDLE = 1800.0
ABSOLUTE = 36_000.0


def new(clock: Clock, **fields: Any) -> Record:
    """A record that begins now, and lives for half an hour."""
    now = clock()
    usual: dict[str, Any] = {
        "key": SessionId.new().key,
        "app": "shop",
        "ref": new_ref(),
        "principal": None,
        "epoch": 0,
        "version": 1,
        "created_at": now,
        "accessed_at": now,
        "renewed_at": now,
        "expires_at": now + IDLE,
        "absolute_at": now + ABSOLUTE,
        "node": "n1",
        "data": b"\x80",
    }
    return Record(**usual | fields)


def newer(record: Record, **fields: Any) -> Record:
    """The next version of `record`."""
    return msgspec.structs.replace(record, **{"version": record.version + 1, "data": b"\x81\xa1a\x01"} | fields)


def renewed(record: Record, clock: Clock, **fields: Any) -> Record:
    """`record` at a new key, in the same epoch."""
    now = clock()
    key = record.key[:2] + SessionId.new().key[2:]
    return newer(record, **{"key": key, "accessed_at": now, "renewed_at": now} | fields)


def signed_in(record: Record, clock: Clock, **fields: Any) -> Record:
    """`record` at a new key, in the hands of Alice."""
    return renewed(record, clock, **{"epoch": record.epoch + 1, "principal": "alice"} | fields)


def used(record: Record, clock: Clock) -> Record:
    """`record` as a use of now leaves it."""
    now = clock()
    return msgspec.structs.replace(record, accessed_at=now, expires_at=now + IDLE)
