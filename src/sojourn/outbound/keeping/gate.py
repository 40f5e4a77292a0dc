"""Gates: how many may go at once, and how many in an interval. Who finds no room waits, in the order of arrival."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future

from sojourn.core.lifetime import Clock
from sojourn.errors import BackendBusy
from sojourn.outbound.messages import Pause, Room, Wait

__all__ = ["Gate", "Pace"]


class Gate:
    """Room for so many at once. For any number of threads and event loops."""

    __slots__ = ("_lock", "_name", "_queue", "_room")

    def __init__(self, room: int, name: Room) -> None:
        """`room`: for how many. `name`: what it limits, for the error."""
        self._room = room
        self._name = name
        self._lock = threading.RLock()  # a call that is collected as garbage leaves in whichever thread that happens
        self._queue: deque[Future[None]] = deque()

    @property
    def full(self) -> bool:
        """Whether who comes now has to wait."""
        return not self._room

    @property
    def crowded(self) -> bool:
        """Whether somebody waits."""
        return bool(self._queue)

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._queue)

    def enter(self, patience: float) -> Generator[Wait, None, None]:
        """Have room until `leave`. Raises `BackendBusy` where there is none for `patience` seconds."""
        with self._lock:
            if self._room:
                self._room -= 1
                return
        turn: Future[None] = Future()  # outside: where garbage is collected, calls end that nobody goes on with
        with self._lock:
            if self._room:
                self._room -= 1
                return
            self._queue.append(turn)
        try:
            yield Wait(turn, patience, self._name)
        except BaseException as error:
            self._withdraw(turn)
            if isinstance(error, TimeoutError):
                raise BackendBusy(f"{self._name}: no room within {patience:g} s; the call was not sent") from None
            raise

    def leave(self) -> None:
        """Make room for whoever waits for the longest."""
        with self._lock:
            if not self._queue:
                self._room += 1
                return
            turn = self._queue.popleft()
        turn.set_result(None)

    def _withdraw(self, turn: Future[None]) -> None:
        with self._lock:
            if turn in self._queue:
                self._queue.remove(turn)
                return
        self.leave()  # it was let in at this very moment


class Pace:
    """So many in an interval. For any number of threads and event loops."""

    __slots__ = ("_clock", "_count", "_given_back", "_lock", "_seconds", "_starts")

    def __init__(self, count: int, seconds: float, clock: Clock) -> None:
        """`count` in any `seconds`. `clock`: seconds that never go back."""
        self._count = count
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.RLock()
        self._given_back: list[float] = []  # starts of those who did not wait for theirs
        self._starts: deque[float] = deque(maxlen=count)  # of the last ones, those to come among them

    def enter(self, patience: float) -> Generator[Pause, None, None]:
        """Wait until it may start. Raises `BackendBusy` where that takes more than `patience` seconds."""
        with self._lock:
            now = self._clock()
            start = self._next(now)
            if start - now > patience:
                heapq.heappush(self._given_back, start)
                raise BackendBusy(
                    f"calls: {self._count} in {self._seconds:g} s, and no room within {patience:g} s; it was not sent"
                )
        if start > now:
            try:
                yield Pause(start - now)
            except BaseException:
                with self._lock:
                    heapq.heappush(self._given_back, start)
                raise

    def _next(self, now: float) -> float:
        """When the next one may start: instead of one who goes away, or after all others."""
        while self._given_back:
            start = heapq.heappop(self._given_back)
            if start >= now:
                return start
        start = max(now, self._starts[0] + self._seconds) if len(self._starts) == self._count else now
        self._starts.append(start)
        return start
