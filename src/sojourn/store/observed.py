"""ObservedStore: a store around a store, that tells how long each question took and how much it moved."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.errors import (
    Conflict,
    Gone,
    LimitReached,
    OutcomeUnknown,
    StoreFull,
    StoreUnavailable,
)
from sojourn.store.around import Around
from sojourn.store.base import Ending, Query, Recalls, Store, WhenFull, power

__all__ = ["Answered", "Asked", "ObservedStore", "Observer", "Operation"]

A = TypeVar("A")

Operation = Literal[
    "load",
    "save",
    "touch",
    "delete",
    "moved",
    "end",
    "claim",
    "forget",
    "discard",
    "find",
    "admit",
    "hold",
    "release",
    "open",
]
"""A method of `Store`, or of one of its powers."""

Answered = Literal[
    "done", "absent", "refused", "conflict", "gone", "limit", "full", "unknown", "unavailable", "cancelled", "failed"
]
"""What came of it. It was `"done"`; there was nothing to be done (`"absent"`), or another has it (`"refused"`); or as
the errors of stores say. `"failed"` is any other error."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a store, and what came of it. Names no session."""

    operation: Operation
    seconds: float
    bytes: int
    """What the records hold that went to the store or came from it."""
    outcome: Answered


Observer = Callable[[Asked], None]
"""Is told of each question, in the task that asked. What it raises is logged and goes no further."""

_log = logging.getLogger(__name__)

# The kinds before those they are kinds of.
_ERRORS: tuple[tuple[type[BaseException], Answered], ...] = (
    (Conflict, "conflict"),
    (Gone, "gone"),
    (LimitReached, "limit"),
    (OutcomeUnknown, "unknown"),
    (StoreFull, "full"),
    (StoreUnavailable, "unavailable"),
    (asyncio.CancelledError, "cancelled"),
)


class ObservedStore(Around):
    """Times what is asked of `inner`, for observers. While there is none, it hands on the answer of `inner` itself.

    The innermost of the stores around a store: it sees what no copy and no queue has answered, as the store gets it.
    Watches and the clock are not timed: nobody waits for them.
    """

    adds: ClassVar[tuple[type[Any], ...]] = ()

    def __init__(self, inner: Store) -> None:
        """`inner`: the store. Nobody observes yet."""
        super().__init__(inner)
        self._recalls = power(inner, Recalls)
        self._observers: tuple[Observer, ...] = ()

    def observe(self, observer: Observer) -> None:
        """Tell `observer` of all that is asked from now on."""
        self._observers = (*self._observers, observer)

    def open(self) -> Coroutine[Any, Any, None]:
        """As `Opens`."""
        opening = super().open()
        return self._timed("open", 0, opening) if self._observers else opening

    def load(self, key: str, app: str) -> Coroutine[Any, Any, Record | None]:
        """As `Store`."""
        loading = self.inner.load(key, app)
        return self._timed("load", 0, loading) if self._observers else loading

    def recall(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`, while nobody observes: what is observed is asked for, and timed."""
        return None if self._observers or self._recalls is None else self._recalls.recall(key, app, version)

    def fetch(self, key: str, app: str, version: int) -> Coroutine[Any, Any, Record | None]:
        """As `Recalls`."""
        if self._recalls is None:
            return self.load(key, app)
        fetching = self._recalls.fetch(key, app, version)
        return self._timed("load", 0, fetching) if self._observers else fetching

    def save(self, record: Record, *, over: Record | None) -> Coroutine[Any, Any, None]:
        """As `Store`."""
        saving = self.inner.save(record, over=over)
        return self._timed("save", len(record.data), saving) if self._observers else saving

    def touch(self, record: Record) -> Coroutine[Any, Any, bool]:
        """As `Store`."""
        touching = self.inner.touch(record)
        return self._timed("touch", 0, touching, no="absent") if self._observers else touching

    def delete(self, key: str, app: str) -> Coroutine[Any, Any, bool]:
        """As `Store`."""
        deleting = self.inner.delete(key, app)
        return self._timed("delete", 0, deleting, no="absent") if self._observers else deleting

    def moved(self, key: str, app: str) -> Coroutine[Any, Any, bool]:
        """As `Moves`."""
        looking = super().moved(key, app)
        return self._timed("moved", 0, looking) if self._observers else looking

    def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Coroutine[Any, Any, Record | None]:
        """As `Sweeps`."""
        ending = super().end(key, app, reason=reason, lease=lease)
        return self._timed("end", 0, ending) if self._observers else ending

    def claim(self, *, limit: int, lease: float) -> Coroutine[Any, Any, list[Ending]]:
        """As `Sweeps`."""
        claiming = super().claim(limit=limit, lease=lease)
        return self._timed("claim", 0, claiming) if self._observers else claiming

    def forget(self, records: Sequence[Record]) -> Coroutine[Any, Any, None]:
        """As `Sweeps`."""
        forgetting = super().forget(records)
        return self._timed("forget", 0, forgetting) if self._observers else forgetting

    def discard(self, *, limit: int) -> Coroutine[Any, Any, int]:
        """As `Sweeps`."""
        discarding = super().discard(limit=limit)
        return self._timed("discard", 0, discarding) if self._observers else discarding

    def find(self, query: Query, *, limit: int = 100, after: str = "") -> Coroutine[Any, Any, list[Record]]:
        """As `Lists`."""
        finding = super().find(query, limit=limit, after=after)
        return self._timed("find", 0, finding) if self._observers else finding

    def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> Coroutine[Any, Any, list[Record]]:
        """As `Admits`."""
        admitting = super().admit(record, over=over, limit=limit, when_full=when_full, lease=lease)
        return self._timed("admit", len(record.data), admitting) if self._observers else admitting

    def hold(self, record: Record, holder: str, *, seconds: float) -> Coroutine[Any, Any, bool]:
        """As `Leases`."""
        holding = super().hold(record, holder, seconds=seconds)
        return self._timed("hold", 0, holding, no="refused") if self._observers else holding

    def release(self, record: Record, holder: str) -> Coroutine[Any, Any, None]:
        """As `Leases`."""
        releasing = super().release(record, holder)
        return self._timed("release", 0, releasing) if self._observers else releasing

    async def _timed(
        self, operation: Operation, size: int, question: Coroutine[Any, Any, A], *, no: Answered = "done"
    ) -> A:
        """The answer to `question`. `size`: bytes that go along. `no`: what an answer of False means."""
        began = time.perf_counter()
        try:
            answer = await question
        except BaseException as error:
            self._tell(operation, began, size, _outcome(error))
            raise
        outcome: Answered = no if answer is False else "absent" if answer is None and operation in _FINDS else "done"
        self._tell(operation, began, size + _size(answer), outcome)
        return answer

    def _tell(self, operation: Operation, began: float, size: int, outcome: Answered) -> None:
        asked = Asked(operation=operation, seconds=time.perf_counter() - began, bytes=size, outcome=outcome)
        for observer in self._observers:
            try:
                observer(asked)
            except Exception:  # noqa: BLE001 - whatever it is, the next observer and the visitor must not suffer
                _log.exception("an observer failed on a question to the store")


def _outcome(error: BaseException) -> Answered:
    return next((outcome for kind, outcome in _ERRORS if isinstance(error, kind)), "failed")


_FINDS = frozenset({"load", "end"})  # whose None says that there is nothing


def _size(answer: object) -> int:
    """The bytes that came with an answer: a record, or several of them, claimed or not."""
    match answer:
        case Record():
            return len(answer.data)
        case Ending():
            return len(answer.record.data)
        case list():
            return sum(map(_size, answer))
    return 0
