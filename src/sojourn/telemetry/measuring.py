"""Measuring: from events, questions to the store and states to measurements. No sink knows anything of sessions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sojourn.core import events
from sojourn.store.base import Gathers, power
from sojourn.store.behind import BehindStore
from sojourn.store.breaker import BreakerStore
from sojourn.store.near import NearStore
from sojourn.store.outage import OutageStore
from sojourn.store.stack import innermost
from sojourn.telemetry import backends, stores
from sojourn.telemetry.instruments import INSTRUMENTS, Instrument
from sojourn.telemetry.sink import Labels, Sink
from sojourn.telemetry.stores import part
from sojourn.telemetry.watched import Watched, WatchedBackend

__all__ = ["READ", "READINGS", "TOLD", "Watching"]

W = TypeVar("W")

Reading = Callable[[Watched], float | None]
"""How a figure stands at this moment; None where there is no such thing."""


class Watching:
    """What is watched for a sink. It is told what happens; how all stands it may ask at any time."""

    def __init__(self, sink: Sink) -> None:
        """Nothing is watched yet."""
        self._sink = sink
        self._read: list[tuple[str, Callable[[str], float | None]]] = []

    def watch(self, watched: Watched | WatchedBackend) -> list[tuple[Instrument, Labels]]:
        """Tell the sink what happens there from now on. Returns the counters that stand at 0 until then."""
        if isinstance(watched, WatchedBackend):
            backends.watch(watched, self._sink)
            app, names, read = watched.origin, backends.COUNTERS, partial(_stands, backends.READINGS, watched)
        else:
            _watch(watched, self._sink)
            app, names, read = watched.app, _COUNTERS, partial(_stands, READINGS, watched)
        self._read.append((app, read))
        return [(INSTRUMENTS[name], (app,)) for name in names if INSTRUMENTS[name].labels == ("app",)]

    def readings(self, name: str) -> dict[Labels, float]:
        """How the instrument of that name stands, by application; several `Sessions` of one application are one."""
        values: dict[Labels, float] = {}
        for app, read in self._read:
            if (value := read(name)) is not None:
                values[app,] = values.get((app,), 0.0) + value
        return values


def _stands(readings: dict[str, Callable[[W], float | None]], watched: W, name: str) -> float | None:
    read = readings.get(name)
    return None if read is None else read(watched)


def _watch(sessions: Watched, sink: Sink) -> None:
    sessions.listen(_Happened(sink))
    stores.watch(sessions.store, sessions.app, sink)


_COUNTED: dict[type[events.Event], str] = {
    events.SessionCreated: "sessions.created",
    events.SessionAbsent: "sessions.absent",
    events.IdRenewed: "sessions.renewed",
    events.SessionUnreadable: "sessions.unreadable",
    events.FellBack: "sessions.fell_back",
    events.AttributeUnreadable: "attributes.unreadable",
    events.ChangesDropped: "changes.dropped",
    events.ChangedLate: "changes.late",
    events.IdRefused: "ids.refused",
    events.StrangerRefused: "strangers.refused",
    events.TrackingDisagreed: "tracking.disagreed",
    events.AffinityBroken: "affinity.broken",
}


_COUNTERS: list[str] = list(_COUNTED.values())


class _Happened:
    """A listener."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __call__(self, event: events.Event) -> None:
        sink = self._sink
        if isinstance(event, events.SessionEnded):
            labels = (event.app, event.reason)
            sink.add(INSTRUMENTS["sessions.ended"], labels)
            # By the clock of the node that stored it last, which may have been set back.
            lived = max(0.0, event.accessed_at - event.created_at)
            sink.record(INSTRUMENTS["sessions.lifetime"], labels, lived)
        elif isinstance(event, events.SessionRefused):
            sink.add(INSTRUMENTS["sessions.refused"], (event.app, event.reason))
        elif (name := _COUNTED.get(type(event))) is not None:
            sink.add(INSTRUMENTS[name], (event.app,))


def _gathered(read: Callable[[Gathers], int]) -> Reading:
    def reading(sessions: Watched) -> float | None:
        gathers = power(innermost(sessions.store), Gathers)
        return None if gathers is None else float(read(gathers))

    return reading


READINGS: dict[str, Reading] = {
    "sessions.active": lambda sessions: float(sessions.active),
    "store.operations": _gathered(lambda store: store.traffic.operations),
    "store.round_trips": _gathered(lambda store: store.traffic.round_trips),
    "breaker.breaks": part(BreakerStore, lambda store: store.breaks),
    "breaker.refused": part(BreakerStore, lambda store: store.refused),
    "breaker.closed": part(BreakerStore, lambda store: store.closed),
    "outage.answered": part(OutageStore, lambda store: store.answered),
    "outage.dropped": part(OutageStore, lambda store: store.dropped),
    "near.hits": part(NearStore, lambda store: store.counts.hits),
    "near.misses": part(NearStore, lambda store: store.counts.misses),
    "near.stale": part(NearStore, lambda store: store.counts.stale),
    "near.joined": part(NearStore, lambda store: store.counts.joined),
    "near.dropped": part(NearStore, lambda store: store.counts.dropped),
    "near.discarded": part(NearStore, lambda store: store.counts.discarded),
    "near.breaks": part(NearStore, lambda store: store.counts.breaks),
    "near.entries": part(NearStore, lambda store: store.entries),
    "near.size": part(NearStore, lambda store: store.size),
    "near.healthy": part(NearStore, lambda store: store.healthy),
    "behind.queued": part(BehindStore, lambda store: store.counts.queued),
    "behind.flushed": part(BehindStore, lambda store: store.counts.flushed),
    "behind.merged": part(BehindStore, lambda store: store.counts.merged),
    "behind.dropped": part(BehindStore, lambda store: store.counts.dropped),
    "behind.full": part(BehindStore, lambda store: store.counts.full),
    "behind.lost": part(BehindStore, lambda store: store.counts.lost),
    "behind.depth": part(BehindStore, lambda store: store.depth),
    "behind.oldest": part(BehindStore, lambda store: store.oldest),
}
"""The instruments of sessions that are read when somebody asks, and how."""

READ: dict[str, Instrument] = {name: INSTRUMENTS[name] for name in READINGS | backends.READINGS}
"""All that are, by their names without `sojourn.`."""

TOLD: list[Instrument] = [each for name, each in INSTRUMENTS.items() if name not in READ]
"""The instruments that are told as it happens."""
