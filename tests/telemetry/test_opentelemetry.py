"""OpenTelemetry is told the same as Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.parser import text_string_to_metric_families
from tests.telemetry.day import COUNTED, Day

from sojourn import Sessions
from sojourn.telemetry import INSTRUMENTS
from sojourn.telemetry.opentelemetry import OpenTelemetry
from sojourn.telemetry.prometheus import Prometheus

Make = Callable[..., Sessions]


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    provider = MeterProvider([reader])
    yield provider
    provider.shutdown()


def metrics(reader: InMemoryMetricReader) -> dict[str, Any]:
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    return {metric.name: metric for metric in scope.metrics}


def points(metric: Any) -> dict[tuple[tuple[str, object], ...], float]:
    """Labels to value; of a histogram, how many values there were."""
    return {
        tuple(sorted(point.attributes.items())): point.count if hasattr(point, "count") else point.value
        for point in metric.data.data_points
    }


async def test_it_agrees_with_what_visitors_did(
    reader: InMemoryMetricReader, provider: MeterProvider, sessions: Sessions, day: Day
) -> None:
    OpenTelemetry(provider.get_meter("shop")).watch(sessions)
    await day.spend()
    found = metrics(reader)
    for (name, *reason), count in COUNTED.items():
        if count:
            labels = (("app", "shop"), *(("reason", each) for each in reason))
            assert points(found[f"sojourn.{name}"])[labels] == count
    assert points(found["sojourn.sessions.active"]) == {(("app", "shop"),): 0}
    await sessions.close()


async def test_it_agrees_with_prometheus(
    reader: InMemoryMetricReader, provider: MeterProvider, sessions: Sessions, day: Day
) -> None:
    prometheus = Prometheus()
    prometheus.watch(sessions)
    OpenTelemetry(provider.get_meter("shop")).watch(sessions)
    await day.spend()
    families = {family.name: family for family in text_string_to_metric_families(prometheus.text().decode())}
    told = {name: points(metric) for name, metric in metrics(reader).items()}
    for each in INSTRUMENTS.values():
        ending = {"counter": "_total", "histogram": "_count", "gauge": ""}[each.kind]
        samples = families[each.series].samples if each.series in families else []
        scraped = {
            tuple(sorted(sample.labels.items())): sample.value
            for sample in samples
            if sample.name == each.series + ending and (sample.value or each.name in told)
        }
        assert scraped == told.get(each.name, {})
    await sessions.close()


async def test_names_units_and_buckets_are_those_of_the_table(
    reader: InMemoryMetricReader, provider: MeterProvider, sessions: Sessions, day: Day
) -> None:
    OpenTelemetry(provider.get_meter("shop")).watch(sessions)
    await day.spend()
    table = {each.name: each for each in INSTRUMENTS.values()}
    for name, metric in metrics(reader).items():
        assert (metric.unit, metric.description) == (table[name].unit, table[name].help)
        for point in metric.data.data_points:
            assert set(point.attributes) == set(table[name].labels)
            assert tuple(getattr(point, "explicit_bounds", ())) == table[name].buckets
    await sessions.close()


async def test_no_id_is_told(
    reader: InMemoryMetricReader, provider: MeterProvider, sessions: Sessions, day: Day
) -> None:
    OpenTelemetry(provider.get_meter("shop")).watch(sessions)
    await day.spend()
    data = reader.get_metrics_data()
    assert data is not None
    assert not [each for each in day.ids if each in data.to_json()]
    await sessions.close()


async def test_without_an_sdk_it_goes_nowhere(sessions: Sessions, day: Day) -> None:
    OpenTelemetry().watch(sessions)
    await day.spend()
    await sessions.close()
