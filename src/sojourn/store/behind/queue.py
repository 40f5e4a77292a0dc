"""Queue: the sessions with unsaved changes, oldest first."""

from __future__ import annotations

from collections.abc import Iterator

from sojourn.core.record import Record
from sojourn.store.behind.entry import Entry
from sojourn.store.behind.known import Place

__all__ = ["Queue"]


class Queue:
    """One entry a session, found by its ref and by its key."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._entries: dict[Place, Entry] = {}  # by ref and application, in the order in which they are tried
        self._keys: dict[Place, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    @property
    def oldest(self) -> Entry | None:
        """The one that waits longest."""
        return min(self._entries.values(), key=lambda entry: entry.queued_at, default=None)

    def at(self, key: str, app: str) -> Entry | None:
        """The entry of the session at `key`."""
        return self._keys.get((key, app))

    def by(self, place: Place) -> Entry | None:
        """The entry of the session of that ref and application."""
        return self._entries.get(place)

    def of(self, record: Record) -> Entry | None:
        """The entry of the session of `record`, whatever its key."""
        return self._entries.get((record.ref, record.app))

    def add(self, entry: Entry) -> None:
        """Put a new one behind the others."""
        self._entries[entry.place] = entry
        self._keys[entry.newest.key, entry.newest.app] = entry

    def rebase(self, entry: Entry, base: Record, newest: Record) -> None:
        """Let it wait with another base, and at another key where that has moved."""
        del self._keys[entry.newest.key, entry.newest.app]
        entry.base, entry.newest = base, newest
        self._keys[newest.key, newest.app] = entry

    def again(self, entry: Entry, queued_at: float) -> None:
        """Put it behind the others: it was saved and has changed since, or could not be saved."""
        entry.queued_at = queued_at
        self._entries[entry.place] = self._entries.pop(entry.place)

    def close(self, entry: Entry) -> None:
        """Take it out, for good."""
        if not entry.closed:
            entry.closed = True
            del self._entries[entry.place]
            del self._keys[entry.newest.key, entry.newest.app]
