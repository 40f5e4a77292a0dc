"""OpenTelemetry: all figures, for the provider that the process has set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

try:
    from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation, get_meter
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "sojourn.telemetry.opentelemetry needs what is not installed: pip install 'sojourn[opentelemetry]'"
    ) from None

from sojourn.telemetry import measuring
from sojourn.telemetry.instruments import Instrument
from sojourn.telemetry.sink import Labels
from sojourn.telemetry.watched import Watched, WatchedBackend

__all__ = ["OpenTelemetry"]


class OpenTelemetry:
    """The figures of this process: `OpenTelemetry().watch(sessions)`, and `watch(backend)`.

    Where they go, and how often, is for the SDK to know; without one they go nowhere.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        """`meter`: makes the instruments; None: that of the provider of the process, called `sojourn`."""
        self._meter = meter if meter is not None else get_meter("sojourn")
        self._watching = measuring.Watching(self)
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        for each in measuring.TOLD:
            self._make(each)
        for name, each in measuring.READ.items():
            self._read(name, each)

    def watch(self, watched: Watched | WatchedBackend) -> None:
        """Count what happens to these sessions, or at this back end, from now on."""
        self._watching.watch(watched)

    def add(self, instrument: Instrument, labels: Labels) -> None:
        """As `Sink`."""
        self._counters[instrument.name].add(1, dict(zip(instrument.labels, labels, strict=True)))

    def record(self, instrument: Instrument, labels: Labels, value: float) -> None:
        """As `Sink`."""
        self._histograms[instrument.name].record(value, dict(zip(instrument.labels, labels, strict=True)))

    def _make(self, each: Instrument) -> None:
        if each.kind == "counter":
            self._counters[each.name] = self._meter.create_counter(each.name, each.unit, each.help)
        else:
            self._histograms[each.name] = self._meter.create_histogram(
                each.name, each.unit, each.help, explicit_bucket_boundaries_advisory=each.buckets
            )

    def _read(self, name: str, each: Instrument) -> None:
        make: Callable[..., object] = (
            self._meter.create_observable_counter if each.kind == "counter" else self._meter.create_observable_gauge
        )

        def read(_: CallbackOptions) -> Iterator[Observation]:
            for labels, value in self._watching.readings(name).items():
                yield Observation(value, dict(zip(each.labels, labels, strict=True)))

        make(each.name, [read], each.unit, each.help)
