"""Gates: points in a request where it stands still until the test lets it go on, so that the order is the test's."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from sojourn.testing.app.client import PATIENCE, Answer, Visitor

__all__ = ["pass_gate", "underway"]


class _Gate:
    """Where one request stands still."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()


_gates: dict[str, _Gate] = {}
_numbers = itertools.count(1)


@contextmanager
def underway(visitor: Visitor, deed: str, **given: Any) -> Iterator[Future[Answer]]:
    """A request that has done its deed and answers when the block is over."""
    name = str(next(_numbers))
    gate = _gates[name] = _Gate()
    with ThreadPoolExecutor(1) as thread:
        try:
            answer = thread.submit(visitor.ask, deed, gate=name, **given)
            assert gate.reached.wait(PATIENCE), "the application did not do the deed"
            yield answer
        finally:
            gate.opened.set()
            del _gates[name]


def pass_gate(name: str) -> None:
    """Stand still at a gate until it is opened."""
    gate = _gates[name]
    gate.reached.set()
    gate.opened.wait(PATIENCE)
