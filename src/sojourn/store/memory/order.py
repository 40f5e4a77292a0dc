"""What a store in memory keeps in order, so that neither a page nor a sweep has to look at all sessions."""

from __future__ import annotations

import heapq
import itertools
import math
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
    """Places, and the second in which each has to be looked at, at the latest.

    What was put off is not told: it is found when it is looked at, and put in again. So a use of a session costs
    nothing here.
    """

    def __init__(self, of_all: Callable[[], Iterable[tuple[float, Pair]]]) -> None:
        """`of_all`: every place that has to be looked at, and when."""
        self._of_all = of_all
        self._seconds: list[int] = []  # a heap
        self._places: dict[int, list[Pair]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, at: float, place: Pair, *, among: int) -> None:
        """Look at `place` at that time. `among`: how many places there are; of others there are never many more."""
        self._put(at, place)
        if self._count > 2 * among + STALE:
            self._seconds, self._places, self._count = [], {}, 0
            for each in self._of_all():
                self._put(*each)

    def next(self, now: float) -> Pair | None:
        """A place to be looked at now, which is taken out; None when there is no more.

        Some come twice, some without need, and some within a second too early.
        """
        if not self._seconds or self._seconds[0] > now:
            return None
        places = self._places[self._seconds[0]]
        place = places.pop()
        self._count -= 1
        if not places:
            del self._places[heapq.heappop(self._seconds)]
        return place

    def _put(self, at: float, place: Pair) -> None:
        if math.isinf(at):
            return
        second = math.floor(at)
        if second not in self._places:
            self._places[second] = []
            heapq.heappush(self._seconds, second)
        self._places[second].append(place)
        self._count += 1
