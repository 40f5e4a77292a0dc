"""Tally: what has happened so far."""

from __future__ import annotations

from collections import Counter, deque

from sojourn.testing.backend.counts import Counts, Order, Seen

__all__ = ["Tally"]


class Tally:
    """Counts, the newest orders and the newest requests."""

    def __init__(self, records: int) -> None:
        """`records`: how many orders and requests are remembered one by one."""
        self.orders: deque[Order] = deque(maxlen=records)
        self.seen: deque[Seen] = deque(maxlen=records)
        self.answered = 0
        self.by_user: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._known: set[int] = set()

    def __getitem__(self, what: str) -> int:
        return self._counts[what]

    def add(self, what: str) -> int:
        """Count one more of `what`, a field of `Counts`; return how many there are."""
        self._counts[what] += 1
        return self._counts[what]

    def at_most(self, what: str, number: int) -> None:
        """Remember the highest `number` of `what`."""
        self._counts[what] = max(self._counts[what], number)

    def answer(self, seen: Seen) -> None:
        """Remember a request that was answered."""
        self.answered += 1
        self.seen.append(seen)

    def ordered(self, order: Order) -> None:
        """Remember an effect, and see whether there was one like it."""
        self.orders.append(order)
        mark = hash((order.user, order.method, order.path, order.body))
        if mark in self._known:
            self.add("duplicates")
        self._known.add(mark)

    def counts(self, live: int, by_session: dict[int, int]) -> Counts:
        """`live`: sessions of users. `by_session`: requests that each had."""
        return Counts(**self._counts, sessions_live=live, by_user=dict(self.by_user), by_session=by_session)
