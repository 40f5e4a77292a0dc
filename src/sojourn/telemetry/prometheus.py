"""Prometheus: all figures, for a server that comes and reads them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

try:
    from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, make_asgi_app
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "sojourn.telemetry.prometheus needs what is not installed: pip install 'sojourn[prometheus]'"
    ) from None

from sojourn.telemetry import measuring
from sojourn.telemetry.instruments import Instrument
from sojourn.telemetry.sink import Labels
from sojourn.telemetry.watched import Watched, WatchedBackend

__all__ = ["Prometheus"]

Message = MutableMapping[str, Any]
Application = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class Prometheus:
    """The figures of this process: `Prometheus().watch(sessions)`, and `watch(backend)`.

    It knows what happened since then. `app` is an ASGI application that answers a scrape. Keep it from visitors: it
    names no session, and tells how many there are.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """`registry`: where other figures are, such as `prometheus_client.REGISTRY`; None: one of its own.

        Once for each registry.
        """
        self.registry = registry if registry is not None else CollectorRegistry()
        self.app: Application = make_asgi_app(self.registry)
        self._watching = measuring.Watching(self)
        self._made = {each.name: self._make(each) for each in measuring.TOLD}
        self._children: dict[tuple[str, Labels], Any] = {}  # to find one of a metric takes a lock
        self.registry.register(_Readings(self._watching))

    def watch(self, watched: Watched | WatchedBackend) -> None:
        """Count what happens to these sessions, or at this back end, from now on."""
        for instrument, labels in self._watching.watch(watched):
            self._child(instrument, labels)  # 0 until it happens: a rate needs something to rise from

    def text(self) -> bytes:
        """What a scrape is answered with."""
        return generate_latest(self.registry)

    def add(self, instrument: Instrument, labels: Labels) -> None:
        """As `Sink`."""
        self._child(instrument, labels).inc()

    def record(self, instrument: Instrument, labels: Labels, value: float) -> None:
        """As `Sink`."""
        self._child(instrument, labels).observe(value)

    def _child(self, instrument: Instrument, labels: Labels) -> Any:
        child = self._children.get((instrument.name, labels))
        if child is None:
            child = self._children[instrument.name, labels] = self._made[instrument.name].labels(*labels)
        return child

    def _make(self, each: Instrument) -> Counter | Histogram:
        if each.kind == "counter":
            return Counter(each.series, each.help, each.labels, registry=self.registry)
        return Histogram(each.series, each.help, each.labels, buckets=each.buckets, registry=self.registry)


class _Readings(Collector):
    """What is read when a scrape comes."""

    def __init__(self, watching: measuring.Watching) -> None:
        self._watching = watching

    def collect(self) -> Iterator[Metric]:
        for name, instrument in measuring.READ.items():
            family = CounterMetricFamily if instrument.kind == "counter" else GaugeMetricFamily
            metric = family(instrument.series, instrument.help, labels=instrument.labels)
            for labels, value in self._watching.readings(name).items():
                metric.add_metric(labels, value)
            if metric.samples:
                yield metric
