"""Entries: the copies that are kept, within two bounds."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

import msgspec

from sojourn.core.record import Record

__all__ = ["OVERHEAD", "Entries", "Place", "place_of"]

T = TypeVar("T")

Place = tuple[str, str]
"""A key and an application."""

OVERHEAD = 1000  # bytes that an entry takes beside its data, as tracemalloc saw it; see tests/store/near/test_bounds.py
REMEMBERED = 4096  # keys that were left and sessions that were ended here: far more than are in use by slow requests


def place_of(record: Record) -> Place:
    """Where `record` is kept."""
    return (record.key, record.app)


class Entries:
    """Copies of records, of which those that were not used for longest go first. For one thread at a time.

    It also knows which sessions were ended by this node, under whichever key: nothing of these is kept again.
    """

    def __init__(self, *, entries: int, size: int) -> None:
        """Keep up to `entries` records that take up to `size` bytes."""
        self._most = entries
        self._room = size
        self._kept: OrderedDict[Place, Record] = OrderedDict()
        self._homes: dict[Place, Place] = {}  # by ref and application
        self._left: OrderedDict[Place, str] = OrderedDict()  # the refs of what was at these places
        self._ended: OrderedDict[Place, None] = OrderedDict()  # refs and applications
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, place: Place) -> Record | None:
        """The copy at `place`, which counts as a use of it."""
        record = self._kept.get(place)
        if record is not None:
            self._kept.move_to_end(place)
        return record

    def keep(self, record: Record) -> int:
        """Keep `record`, unless what is kept of its session is newer. Returns how many had to go for it."""
        place, home = (record.key, record.app), (record.ref, record.app)
        if not self._welcome(record, place, home):
            self.left(place, record.ref)
            return 0
        self._kept[place] = record
        self._homes[home] = place
        self.size += _size(record)
        discarded = 0
        while len(self._kept) > self._most or self.size > self._room:
            self.drop(next(iter(self._kept)))
            discarded += 1
        return discarded

    def _welcome(self, record: Record, place: Place, home: Place) -> bool:
        """Make way for `record`. A session is kept at one key: what is kept at another is of before it moved."""
        if home in self._ended:
            return False
        elsewhere = self._homes.get(home, place)
        old = self._kept.get(elsewhere) or self._kept.get(place)
        if old is not None and _newer(old, record):
            return False
        self.drop(elsewhere)
        self.drop(place)
        return _size(record) <= self._room

    def touch(self, record: Record) -> None:
        """Carry over the times of `record`, each only forward."""
        place = (record.key, record.app)
        old = self._kept.get(place)
        if old is None or old.ref != record.ref:
            return
        self._kept[place] = msgspec.structs.replace(
            old,
            accessed_at=max(old.accessed_at, record.accessed_at),
            expires_at=min(max(old.expires_at, record.expires_at), old.absolute_at),
        )

    def drop(self, place: Place, *, below: int | None = None) -> bool:
        """Keep nothing at `place`, or nothing `below` a version. Returns whether there was something."""
        record = self._kept.get(place)
        if record is None or (below is not None and record.version >= below):
            return False
        del self._kept[place]
        self.size -= _size(record)
        home = (record.ref, record.app)
        if self._homes.get(home) == place:
            del self._homes[home]
        self.left(place, record.ref)
        return True

    def clear(self) -> dict[Place, Record]:
        """Keep nothing. Returns what was kept."""
        kept, self._kept = self._kept, OrderedDict()
        self._homes.clear()
        self.size = 0
        return kept

    def left(self, place: Place, ref: str) -> None:
        """Remember for a while that `place` was, or led to, the session of that ref."""
        _remember(self._left, place, ref)

    def end(self, place: Place, ref: str | None = None) -> Place | None:
        """The session that was at `place`, or was led to from there, has ended: it is not kept any more.

        Returns where else it was kept.
        """
        if ref is None:
            record = self._kept.get(place)
            ref = record.ref if record is not None else self._left.get(place)
        self.drop(place)
        if ref is None:
            return None
        session = (ref, place[1])
        _remember(self._ended, session, None)
        elsewhere = self._homes.get(session)
        if elsewhere is not None:
            self.drop(elsewhere)
        return elsewhere

    def ended(self, record: Record) -> bool:
        """Whether this node has ended the session of `record`."""
        return (record.ref, record.app) in self._ended


def _size(record: Record) -> int:
    return len(record.data) + OVERHEAD


def _newer(old: Record, record: Record) -> bool:
    """Whether `old` is newer than `record`. In one version times only go forward; a key that is reused begins anew."""
    if old.ref != record.ref:
        return old.created_at > record.created_at
    return (old.version, old.expires_at, old.accessed_at) > (record.version, record.expires_at, record.accessed_at)


def _remember(things: OrderedDict[Place, T], place: Place, thing: T) -> None:
    things[place] = thing
    things.move_to_end(place)
    if len(things) > REMEMBERED:
        things.popitem(last=False)
