"""Known: which versions the store holds, as far as its own answers told."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from sojourn.core.record import Record

__all__ = ["Known", "Look", "Place"]

Place = tuple[str, str]
"""A key or a ref, with the application."""


class Look:
    """A question to the store that is under way."""

    __slots__ = ("overtaken",)

    def __init__(self) -> None:
        self.overtaken = False
        """Whether the session was saved or has ended here since the question was asked: the answer may be older."""


class Known:
    """Remembers, for some of the sessions, in which version they are stored and that they have not ended here.

    To forget is always right: what is not known is not queued, but saved at once, and then the store decides.
    """

    def __init__(self, size: int) -> None:
        """`size`: how many sessions are remembered; those heard of last."""
        self._size = size
        self._versions: OrderedDict[Place, tuple[str, int]] = OrderedDict()  # by ref: key, version
        self._refs: dict[Place, str] = {}  # by key
        self._looks: dict[Place, list[Look]] = {}

    @contextmanager
    def look(self, *places: Place) -> Iterator[Look]:
        """A question about what is at these keys and refs."""
        look = Look()
        for place in places:
            self._looks.setdefault(place, []).append(look)
        try:
            yield look
        finally:
            for place in places:
                looks = self._looks[place]
                looks.remove(look)
                if not looks:
                    del self._looks[place]

    def holds(self, record: Record) -> bool:
        """Whether the store is known to hold the session at that key in that version."""
        return self._versions.get((record.ref, record.app)) == (record.key, record.version)

    def ref_at(self, key: str, app: str) -> str | None:
        """The ref of the session at `key`, where that is known."""
        return self._refs.get((key, app))

    def saw(self, record: Record) -> None:
        """The store has answered with `record`."""
        place = (record.ref, record.app)
        there = self._refs.get((record.key, record.app))
        if there is not None and there != record.ref:  # another session was there, of which nothing is known any more
            self._versions.pop((there, record.app), None)
        before = self._versions.pop(place, None)
        if before is not None and before[0] != record.key:
            self._refs.pop((before[0], record.app), None)
        self._versions[place] = (record.key, record.version)
        self._refs[record.key, record.app] = record.ref
        if len(self._versions) > self._size:
            (_, app), (key, _) = self._versions.popitem(last=False)
            self._refs.pop((key, app), None)

    def saved(self, record: Record) -> None:
        """`record` is stored now: what was asked before may be answered with an older one."""
        self._overtake((record.key, record.app))
        self.saw(record)

    def lost(self, *places: Place) -> None:
        """What was at these keys and refs has ended, or has moved away."""
        for place in places:
            self._overtake(place)
            known = self._versions.pop(place, None)
            if known is not None:
                self._refs.pop((known[0], place[1]), None)
            ref = self._refs.pop(place, None)
            if ref is not None:
                self._versions.pop((ref, place[1]), None)

    def forget(self) -> None:
        """Something has ended, and it is not known what."""
        self._versions.clear()
        self._refs.clear()
        for place in self._looks:
            self._overtake(place)

    def _overtake(self, place: Place) -> None:
        for look in self._looks.get(place, ()):
            look.overtaken = True
