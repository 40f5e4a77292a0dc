"""Backends: measuring what happens at back ends, of whose room this one knows no class, but the names of events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sojourn.core.events import Event
from sojourn.store.breaker import BreakerStore
from sojourn.telemetry import stores
from sojourn.telemetry.instruments import INSTRUMENTS
from sojourn.telemetry.sink import Labels, Sink
from sojourn.telemetry.stores import part
from sojourn.telemetry.watched import WatchedBackend

__all__ = ["COUNTED", "COUNTERS", "READINGS", "watch"]

READINGS: dict[str, Callable[[WatchedBackend], float | None]] = {
    "backend.queued": lambda backend: backend.queued,
    "backend.held": lambda backend: backend.sessions,
    "breaker.breaks": part(BreakerStore, lambda store: store.breaks),
    "breaker.refused": part(BreakerStore, lambda store: store.refused),
    "breaker.closed": part(BreakerStore, lambda store: store.closed),
}
"""The instruments that are read when somebody asks, and how."""

COUNTED: dict[str, tuple[str, Callable[[Any], Labels]]] = {
    "SignedIn": ("backend.begun", lambda _: ()),
    "SessionAdopted": ("backend.adopted", lambda _: ()),
    "CredentialsRefused": ("backend.refused", lambda _: ()),
    "TokenFetched": ("backend.tokens", lambda _: ()),
    "TokenMissing": ("backend.tokenless", lambda _: ()),
    "SessionForgotten": ("backend.forgotten", lambda event: ("repeated" if event.again else "lost",)),
    "SessionClosed": ("backend.closed", lambda event: (event.told,)),
    "SignsInEachTime": ("backend.unkept", lambda _: ()),
    "PrincipalIgnored": ("backend.ignored", lambda _: ()),
    "StoreAway": ("backend.store_away", lambda _: ()),
}
"""Events by their names in the log: what counts them, and its labels but the first."""

COUNTERS: list[str] = [name for name, _ in COUNTED.values()]


class _Called(Protocol):
    """What an observer is told of a call, as `sojourn.outbound.telling.Called`."""

    @property
    def outcome(self) -> str: ...

    @property
    def seconds(self) -> float: ...

    @property
    def waited(self) -> tuple[tuple[str, float], ...]: ...


def watch(backend: WatchedBackend, sink: Sink) -> None:
    """Tell `sink` what happens at `backend` from now on."""
    backend.listen(_Happened(sink))
    backend.observe(_Ended(sink, backend.origin))
    if backend.store is not None:
        stores.watch(backend.store, backend.origin, sink)


class _Happened:
    """A listener."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __call__(self, event: Event) -> None:
        kind = type(event).__name__
        if (counted := COUNTED.get(kind)) is not None:
            name, labels = counted
            self._sink.add(INSTRUMENTS[name], (event.app, *labels(event)))
        if kind == "SignedIn":
            seconds: float = event.seconds  # type: ignore[attr-defined]
            self._sink.record(INSTRUMENTS["backend.signing_in"], (event.app,), seconds)


class _Ended:
    """An observer of calls."""

    def __init__(self, sink: Sink, app: str) -> None:
        self._sink = sink
        self._app = app

    def __call__(self, called: _Called) -> None:
        self._sink.record(INSTRUMENTS["backend.duration"], (self._app, called.outcome), called.seconds)
        for reason, seconds in called.waited:
            self._sink.record(INSTRUMENTS["backend.waiting"], (self._app, reason), seconds)
