"""Once: what one makes while all the others wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from concurrent.futures import Future
from typing import Generic, TypeVar

from sojourn.core.lifetime import Clock
from sojourn.errors import BackendError
from sojourn.outbound.messages import Wait

__all__ = ["Claim", "Once"]

T = TypeVar("T")


class Once(Generic[T]):
    """Holds a value, or knows who makes it. For any number of threads and event loops."""

    __slots__ = ("_claim", "_lock", "value")

    def __init__(self, value: T | None = None) -> None:
        """`value`: what is there already."""
        self.value = value
        self._lock = threading.RLock()  # a claim may be collected as garbage, and so be given up, in this thread
        self._claim: Claim[T] | None = None

    def get(self, patience: float | None = None, clock: Clock = time.monotonic) -> Generator[Wait, None, T | Claim[T]]:
        """The value, or the right to make it: then all who come meanwhile wait until it is used or given up.

        `patience`: seconds by `clock` to wait in all, though one after the other may try and go away; then
        `TimeoutError`. None: whoever carries out the waits knows for how long. Raises what whoever made it in the
        meantime could not do for anybody.
        """
        until = 0.0
        while True:
            with self._lock:
                if self.value is not None:
                    return self.value
                if self._claim is None:
                    self._claim = Claim(self)
                    return self._claim
                claim = self._claim
            left = patience
            if patience is not None:
                until = until or clock() + patience
                left = max(0.0, min(patience, until - clock()))  # the clock may be set back
            yield Wait(claim.settled, left)
            if claim.failure is not None:
                raise _another(claim.failure) from claim.failure

    def drop(self, value: T) -> bool:
        """Hold that value no longer; False where it is another one by now."""
        with self._lock:
            if self.value != value:  # a token may have come once more
                return False
            self.value = None
            return True


class Claim(Generic[T]):
    """The right to make what others wait for. Is used or given up exactly once; what comes later changes nothing."""

    __slots__ = ("_once", "failure", "settled")

    def __init__(self, once: Once[T]) -> None:
        """`once`: where the value is to be."""
        self._once = once
        self.settled: Future[None] = Future()
        self.failure: BackendError | None = None

    def use(self, value: T) -> bool:
        """Here it is; False where it was used or given up before."""
        return self._settle(value, None)

    def give_up(self, failure: BackendError | None = None) -> bool:
        """It was not made; False where it was. `failure`: why nobody else can; else one of those who wait may try."""
        return self._settle(None, failure)

    def _settle(self, value: T | None, failure: BackendError | None) -> bool:
        once = self._once
        with once._lock:  # noqa: SLF001 - the two are one
            if once._claim is not self:  # noqa: SLF001
                return False
            once._claim = None  # noqa: SLF001
            once.value = value
            self.failure = failure
        self.settled.set_result(None)
        return True


def _another(failure: BackendError) -> BackendError:
    """The same once more: one that were raised in many threads and tasks would show the way of each in all of them.

    Not by its class, whose `__init__` may take something else than the message.
    """
    another: BackendError = type(failure).__new__(type(failure), *failure.args)
    another.__dict__.update(failure.__dict__)
    another.__dict__.pop("__notes__", None)  # of the other call
    return another
