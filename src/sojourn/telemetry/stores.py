"""Stores: measuring what a store is asked, and how the stores around it stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sojourn.store.base import Store
from sojourn.store.observed import Asked, ObservedStore
from sojourn.store.stack import layers
from sojourn.telemetry.instruments import INSTRUMENTS
from sojourn.telemetry.sink import Sink

__all__ = ["Stored", "part", "watch"]

S = TypeVar("S")


class Stored(Protocol):
    """What rests in a store, or in none."""

    @property
    def store(self) -> Store | None:
        """With all that is around it."""
        ...


def watch(store: Store, app: str, sink: Sink) -> None:
    """Tell `sink` what `store` is asked from now on."""
    observed = [layer for layer in layers(store) if isinstance(layer, ObservedStore)]
    observed[-1].observe(_Answered(sink, app))


def part(kind: type[S], read: Callable[[S], float]) -> Callable[[Stored], float | None]:
    """Read something of the store of that kind, where there is one."""

    def reading(stored: Stored) -> float | None:
        around = () if stored.store is None else layers(stored.store)
        found = next((layer for layer in around if isinstance(layer, kind)), None)
        return None if found is None else float(read(found))

    return reading


class _Answered:
    """An observer."""

    def __init__(self, sink: Sink, app: str) -> None:
        self._sink = sink
        self._app = app

    def __call__(self, asked: Asked) -> None:
        labels = (self._app, asked.operation, asked.outcome)
        self._sink.record(INSTRUMENTS["store.duration"], labels, asked.seconds)
        if asked.bytes:
            self._sink.record(INSTRUMENTS["store.size"], labels[:2], asked.bytes)
