"""Entry: a session whose newest state is not stored yet."""

from __future__ import annotations

import msgspec

from sojourn.core import codec
from sojourn.core.codec import Packed
from sojourn.core.merge import merge
from sojourn.core.record import Record

__all__ = ["Entry", "first_use", "only_data", "same_hands", "same_version"]


class Entry:
    """What is queued of one session. The newest change wins, and knows what it is to be saved over."""

    __slots__ = ("base", "closed", "newest", "queued_at", "sent")

    def __init__(self, base: Record, newest: Record, queued_at: float) -> None:
        """`base`: what is stored. `newest`: what is to be stored. `queued_at`: since when, by the monotonic clock."""
        self.base = base
        self.newest = newest
        self.queued_at = queued_at
        self.sent: Record | None = None
        """What the store was asked to save, as long as its answer is not known."""
        self.closed = False
        """Whether it is in the queue no more: saved, ended or dropped."""

    @property
    def place(self) -> tuple[str, str]:
        """The ref and application: one entry a session, whatever its key."""
        return self.newest.ref, self.newest.app

    @property
    def moving(self) -> bool:
        """Whether the session may be at another key by now, since an answer of the store is awaited or was lost."""
        return self.sent is not None and self.sent.key != self.base.key

    def touch(self, record: Record) -> None:
        """Carry over the times of `record`, only forward."""
        newest = self.newest
        if record.accessed_at > newest.accessed_at or record.expires_at > newest.expires_at:
            self.newest = msgspec.structs.replace(
                newest,
                accessed_at=max(newest.accessed_at, record.accessed_at),
                expires_at=min(max(newest.expires_at, record.expires_at), newest.absolute_at),
            )

    def onto(self, stored: Record) -> Record | None:
        """What is to be stored over `stored`: itself when it has all that is queued; None when nothing can be.

        Changes are put together by attribute, and this node's win where both changed one: they are stored later. A
        session that has changed hands meanwhile, or cannot be read, takes nothing up.
        """
        base = self.base
        for written in (self.newest, self.sent):
            if written is not None and same_version(stored, written):
                base = written  # the answer was lost, and it is what was sent
                break
        if base.version == stored.version:
            return stored if self.newest.version <= stored.version else self.newest
        return self._merged(stored) if same_hands(stored, self.newest) else None

    def _merged(self, stored: Record) -> Record | None:
        mine = self.newest
        try:
            before, now, theirs = codec.read(self.base.data), codec.read(mine.data), codec.read(stored.data)
        except codec.Undecodable:
            return None
        changes: dict[str, Packed | None] = {name: None for name in before if name not in now}
        changes |= {name: packed for name, packed in now.items() if not _same(packed, before.get(name))}
        absolute_at = min(mine.absolute_at, stored.absolute_at)
        return msgspec.structs.replace(
            stored,
            version=max(mine.version, stored.version) + 1,  # above what any visitor was told
            accessed_at=max(mine.accessed_at, stored.accessed_at),
            expires_at=min(max(mine.expires_at, stored.expires_at), absolute_at),
            absolute_at=absolute_at,
            node=mine.node,
            data=codec.write(merge(theirs, changes)),
        )


def only_data(record: Record, over: Record) -> bool:
    """Whether saving `record` over `over` changes data alone, so that it can wait.

    An end that comes nearer cannot: what is queued takes up the times that are stored, and of two the later one.
    """
    same_session = (record.key, record.ref, record.app) == (over.key, over.ref, over.app)
    nearer = record.expires_at < over.expires_at
    return same_session and same_hands(record, over) and not (nearer or first_use(record, over))


def same_hands(one: Record, other: Record) -> bool:
    """Whether both belong to the same, since the same sign-in."""
    return (one.principal, one.epoch) == (other.principal, other.epoch)


def first_use(record: Record, over: Record) -> bool:
    """Whether a renewed key is used for the first time, which ends the old ones: the store has to know."""
    return record.accessed_at > record.renewed_at > record.created_at and over.accessed_at <= over.renewed_at


def same_version(stored: Record, written: Record) -> bool:
    """Whether both are one version: two nodes may have made another one each, of the same number."""
    return (stored.ref, stored.version, stored.node, stored.data) == (
        written.ref,
        written.version,
        written.node,
        written.data,
    )


def _same(packed: Packed, before: Packed | None) -> bool:
    return before is not None and bytes(packed) == bytes(before)
