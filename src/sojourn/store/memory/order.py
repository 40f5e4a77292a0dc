"""What a store in memory keeps in order, so that neither a page nor a sweep has to look at all sessions."""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator

__all__ = ["Due", "Sorted"]

Pair = tuple[str, str]

RUN = 1000  # pairs of one run: to put one in moves as many, which takes less than a microsecond
STALE = 1000  # entries that nobody needs any more, before it pays to look for them


class Sorted:
    """Pairs of texts in their order: runs of them, each sorted, one after another."""

    def __init__(self) -> None:
        self._runs: list[list[Pair]] = []
        self._last: list[Pair] = []  # of each run

    def add(self, pair: Pair) -> None:
        """Put in what is not there."""
        if not self._runs:
            self._runs, self._last = [[pair]], [pair]
            return
        number = min(bisect_left(self._last, pair), len(self._runs) - 1)
        run = self._runs[number]
        run.insert(bisect_left(run, pair), pair)
        if len(run) > 2 * RUN:
            self._runs[number : number + 1] = [run[:RUN], run[RUN:]]
            self._last.insert(number, run[RUN - 1])
            number += 1
        self._last[number] = self._runs[number][-1]

    def remove(self, pair: Pair) -> None:
        """Take out what is there."""
        number = bisect_left(self._last, pair)
        run = self._runs[number]
        del run[bisect_left(run, pair)]
        if run:
            self._last[number] = run[-1]
        else:
            del self._runs[number], self._last[number]

    def after(self, text: str) -> Iterator[Pair]:
        """Those whose first text is greater, in order."""
        return self._since(text, bisect_right)

    def of(self, text: str) -> Iterator[Pair]:
        """Those whose first text it is, in order."""
        return itertools.takewhile(lambda pair: pair[0] == text, self._since(text, bisect_left))

    def _since(self, text: str, bisect: Callable[..., int]) -> Iterator[Pair]:
        start = bisect(self._last, text, key=_first)
        for number in range(start, len(self._runs)):
            run = self._runs[number]
            yield from run[bisect(run, text, key=_first) if number == start else 0 :]


def _first(pair: Pair) -> str:
    return pair[0]


class Due:
    """Places, and when each has to be looked at, at the latest.

    What was put off is not told: it is found when it is looked at, and put in again. So a use of a session costs
    nothing here.
    """

    def __init__(self, of_all: Callable[[], Iterable[tuple[float, Pair]]]) -> None:
        """`of_all`: every place that has to be looked at, and when."""
        self._of_all = of_all
        self._heap: list[tuple[float, Pair]] = []

    def add(self, at: float, place: Pair, *, among: int) -> None:
        """Look at `place` at that time. `among`: how many places there are; of others there are never many more."""
        heapq.heappush(self._heap, (at, place))
        if len(self._heap) > 2 * among + STALE:
            self._heap = list(self._of_all())
            heapq.heapify(self._heap)

    def next(self, now: float) -> Pair | None:
        """A place to be looked at now, which is taken out; some come twice, or without need. None: all is done."""
        return heapq.heappop(self._heap)[1] if self._heap and self._heap[0][0] <= now else None
