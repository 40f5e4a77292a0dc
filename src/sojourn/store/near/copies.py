"""Copies: which of them are kept and which are served, by all that is known of the store."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.store.base import Change
from sojourn.store.near.counts import Counts
from sojourn.store.near.entries import Entries, Place, place_of
from sojourn.store.near.pending import News, Pending
from sojourn.store.near.settings import Near
from sojourn.store.near.watch import Pulse

__all__ = ["Copies"]


class Copies:
    """The memory of one node. All threads share it; no method waits for more than another of them."""

    def __init__(self, near: Near, *, clock: Clock, pulse: Pulse, outlive: bool = False) -> None:
        """`clock`: tells what is live. `pulse`: tells whether changes are heard of.

        `outlive`: whether what was kept when the watch broke is held for `kept`.
        """
        self.counts = Counts()
        self.entries = Entries(entries=near.entries, size=near.bytes)
        self._pending = Pending()
        self._clock = clock
        self._beating = pulse.beating
        self._outlive = outlive
        self._outlived: dict[Place, Record] = {}  # from when the watch broke until another one is on
        self._lock = threading.Lock()

    # --- serving -------------------------------------------------------------------------------------------------

    def recall(self, place: Place, version: int) -> Record | None:
        """The copy at `place`, if it is live and no older than `version`, and nothing can have been missed."""
        self._lock.acquire()  # half the cost of `with`, and this is in the way of every request
        try:
            record = self.entries.get(place)
            if (
                record is not None
                and self.new_enough(record, version)
                and record.expires_at > self._clock()
                and self._beating()
            ):
                self.counts.hits += 1
                return record
            self.counts.misses += 1
            return None
        finally:
            self._lock.release()

    def came(self, place: Place, version: int) -> Record | None:
        """As `recall`, for one that was not there a moment ago and was counted."""
        with self._lock:
            record = self.entries.get(place)
            return record if record is not None and self._serves(record, version) else None

    def final(self, record: Record | None, version: int) -> bool:
        """Whether `record`, which was asked for by another before, will do for one who comes now with `version`."""
        with self._lock:
            self.counts.joined += 1
            return record is not None and self.new_enough(record, version) and not self.entries.ended(record)

    def brought(self, record: Record | None, version: int) -> None:
        """Count what is served to one who came with `version`."""
        if record is not None and record.version < version:
            with self._lock:
                self.counts.stale += 1

    def kept(self, place: Place) -> Record | None:
        """The copy at `place` that is live and was current when that was last known."""
        with self._lock:
            record = self.entries.get(place) or self._outlived.get(place)
            live = record is not None and record.expires_at > self._clock() and not self.entries.ended(record)
            return record if live else None

    @staticmethod
    def new_enough(record: Record, version: int) -> bool:
        """Whether `record` will do for one who has seen `version`."""
        return record.version >= version

    def _serves(self, record: Record, version: int) -> bool:
        return self.new_enough(record, version) and record.expires_at > self._clock() and self._beating()

    # --- what the store is asked ---------------------------------------------------------------------------------

    def ask(self, place: Place) -> News:
        """The store is about to be asked for what is at `place`, or to put something there. Until `answered`."""
        with self._lock:
            return self._pending.ask(place)

    def answered(self, place: Place, news: News) -> None:
        """The store has answered, or failed to."""
        with self._lock:
            self._pending.answered(place, news)

    def loaded(self, place: Place, record: Record | None, news: News) -> None:
        """The store has `record` at `place`."""
        with self._lock:
            self._outlived.pop(place, None)
            if record is None:
                self.entries.drop(place)
            elif (record.key, record.app) == place:
                self._keep(record, news)
            else:
                # Led here from a key that was left. What is told of this record is told of its own key, so it is not
                # known whether that was while it was under way.
                self.entries.left(place, record.ref)

    def saved(self, record: Record, over: Record | None, news: News) -> None:
        """The store has put `record` in the place of `over`."""
        with self._lock:
            self._outlived.pop(place_of(record if over is None else over), None)
            if over is not None and over.key != record.key:
                self.entries.left(place_of(over), record.ref)
                self._tell(place_of(over), record.version, ended=True)
            self._tell(place_of(record), record.version, ended=False)
            self._keep(record, news)

    def touched(self, record: Record) -> None:
        """The store has the times of `record`."""
        with self._lock:
            self.entries.touch(record)

    def ended(self, place: Place, ref: str | None = None) -> None:
        """The store has ended the session at `place`, or that was led to from there."""
        with self._lock:
            self._end(place, ref)

    def ended_all(self, records: Sequence[Record]) -> None:
        """The store has ended the sessions of `records`."""
        with self._lock:
            for record in records:
                self._end(place_of(record), record.ref)

    def drop(self, *records: Record | None) -> None:
        """What the store has of `records` is not known."""
        with self._lock:
            for record in records:
                if record is not None:
                    self.entries.drop(place_of(record))

    def drop_at(self, place: Place) -> None:
        """What the store has at `place` is not known, or nothing."""
        with self._lock:
            self.entries.drop(place)

    # --- what the watch tells ------------------------------------------------------------------------------------

    def heard(self, change: Change) -> None:
        """Another node, or this one, has made `change`."""
        # An echo of a write of ours is no newer than what we keep of it. Which node made it does not matter: of a write
        # whose answer was lost, the echo is all that comes.
        with self._lock:
            self.counts.dropped += self._tell((change.key, change.app), change.version, ended=change.ended)

    def missed(self) -> None:
        """Changes may have been made that were not heard of."""
        with self._lock:
            self.entries.clear()
            self._outlived.clear()
            self._pending.void()

    def off(self) -> None:
        """The watch is not on: nothing is served any more."""
        with self._lock:
            kept = self.entries.clear()
            if self._outlive and kept:
                self._outlived = kept
            self._pending.void()

    def broke(self) -> None:
        """The watch was on, and is not any more."""
        with self._lock:
            self.counts.breaks += 1

    def _keep(self, record: Record, news: News) -> None:
        if news.allows(record.version) and self._beating():
            self.counts.discarded += self.entries.keep(record)
        else:
            self.entries.left(place_of(record), record.ref)

    def _tell(self, place: Place, version: int, *, ended: bool) -> bool:
        self._pending.tell(place, version, ended=ended)
        return self.entries.drop(place, below=None if ended else version)

    def _end(self, place: Place, ref: str | None) -> None:
        outlived = self._outlived.pop(place, None)
        self._pending.tell(place, 0, ended=True)
        elsewhere = self.entries.end(place, outlived.ref if ref is None and outlived is not None else ref)
        if elsewhere is not None:
            self._pending.tell(elsewhere, 0, ended=True)
