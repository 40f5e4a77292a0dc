"""Held: the sessions that outlive an exchange, by whose they are."""

from __future__ import annotations

import threading
from collections import OrderedDict

from sojourn.outbound.auth.base import Auth
from sojourn.outbound.keeping.place import Place

__all__ = ["Held"]


class Held:
    """Places by scope and principal, so many at most. For any number of threads and event loops."""

    __slots__ = ("_lock", "_most", "_places")

    def __init__(self, most: int) -> None:
        """`most`: how many."""
        self._most = most
        self._lock = threading.Lock()
        self._places: OrderedDict[tuple[str, object], Place] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def at(self, scope: str, principal: object, auth: Auth | None) -> tuple[Place, Place | None]:
        """The place of `principal` in `scope`; and the one that had to give way to it and is to be closed, if any did.

        That is the one that was asked for the longest time ago.
        """
        with self._lock:
            place = self._places.get((scope, principal))
            if place is not None:
                self._places.move_to_end((scope, principal))
                return place, None
            place = self._places[scope, principal] = Place(auth, scope)
            return place, self._places.popitem(last=False)[1] if len(self._places) > self._most else None

    @property
    def sessions(self) -> int:
        """How many there are: at a place that nobody has signed in at is none."""
        with self._lock:
            return sum(place.value is not None for place in self._places.values())

    def spare(self) -> Place | None:
        """A place whose session can be closed for another one, and that is held no longer; None: there is none."""
        with self._lock:
            key = next((key for key, place in self._places.items() if place.spare), None)
            return None if key is None else self._places.pop(key)

    def take(self, scope: str | None = None) -> list[Place]:
        """The places of that scope, or all, which are held no longer."""
        with self._lock:
            keys = [key for key in self._places if scope is None or key[0] == scope]
            return [self._places.pop(key) for key in keys]
