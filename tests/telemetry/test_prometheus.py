"""A scrape tells what visitors did, in the words of Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import prometheus_client
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from tests.fixtures.issued import look
from tests.fixtures.visitor import Visitor, everything, sets
from tests.telemetry.day import COUNTED, READS, VISITORS, Day

from sojourn import Behind, Sessions
from sojourn.errors import StoreUnavailable
from sojourn.store.near import NearStore
from sojourn.telemetry import INSTRUMENTS
from sojourn.telemetry.prometheus import Prometheus

Make = Callable[..., Sessions]
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(prometheus: Prometheus, accept: bytes = b"text/plain") -> str:
    """What the endpoint answers."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"accept", accept)]
    await prometheus.app({"type": "http", "method": "GET", "path": "/", "headers": headers}, receive, send)
    assert sent[0]["status"] == 200
    return b"".join(message.get("body", b"") for message in sent).decode()


async def figures(prometheus: Prometheus) -> Figures:
    """Series and labels to value. No series is told twice."""
    samples = [
        ((sample.name, frozenset(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(await scraped(prometheus))
        for sample in family.samples
    ]
    assert len(dict(samples)) == len(samples)
    return dict(samples)


def at(found: Figures, series: str, **labels: str) -> float | None:
    return found.get((series, frozenset({"app": "shop", **labels}.items())))


@pytest.fixture
def prometheus(sessions: Sessions) -> Iterator[Prometheus]:
    prometheus = Prometheus()
    prometheus.watch(sessions)
    yield prometheus
    look("metrics", [prometheus.text()])


async def test_a_scrape_agrees_with_what_visitors_did(prometheus: Prometheus, day: Day) -> None:
    await day.spend()
    found = await figures(prometheus)
    for (name, *reason), count in COUNTED.items():
        labels = {"reason": reason[0]} if reason else {}
        assert (name, at(found, f"{INSTRUMENTS[name].series}_total", **labels)) == (name, count)
    assert at(found, "sojourn_sessions_active") == 0
    ended = "sojourn_sessions_lifetime_seconds_count"
    assert at(found, ended, reason="idle") == VISITORS - 2
    await day.sessions.close()


async def test_a_scrape_tells_what_the_store_was_asked(prometheus: Prometheus, day: Day) -> None:
    await day.spend()
    found = await figures(prometheus)
    asked = "sojourn_store_duration_seconds_count"
    assert at(found, asked, operation="save", outcome="done") == VISITORS  # and sign-ins are admitted
    assert at(found, asked, operation="admit", outcome="done") == 2
    assert at(found, asked, operation="admit", outcome="limit") == 1
    assert at(found, asked, operation="save", outcome="gone") == 1
    assert at(found, "sojourn_store_size_bytes_count", operation="save") == VISITORS + 1
    assert (at(found, "sojourn_store_size_bytes_sum", operation="save") or 0) > (VISITORS + 1) * len("number cart pen")
    loads = at(found, asked, operation="load", outcome="done") or 0
    if isinstance(day.sessions.store, NearStore):
        assert loads < VISITORS * READS
        assert (at(found, "sojourn_near_hits_total") or 0) >= VISITORS * READS
        assert at(found, "sojourn_near_stale_total") == 1
        assert at(found, "sojourn_near_entries") == 0
        assert at(found, "sojourn_near_healthy") == 1
    else:
        assert loads > VISITORS * READS
        assert at(found, "sojourn_near_hits_total") is None
    await day.sessions.close()


async def test_no_id_is_in_a_scrape(prometheus: Prometheus, day: Day) -> None:
    await day.spend()
    text = await scraped(prometheus)
    assert len(day.ids) > 2 * VISITORS
    assert not [each for each in day.ids if each in text]
    assert "alice" not in text
    await day.sessions.close()


async def test_labels_take_few_values(prometheus: Prometheus, day: Day) -> None:
    await day.spend()
    labels = set(re.findall(r"(\w+)=\"", await scraped(prometheus)))
    assert labels == {"app", "reason", "operation", "outcome", "le"}
    await day.sessions.close()


async def test_openmetrics_is_spoken_as_well(prometheus: Prometheus, day: Day) -> None:
    await day.spend()
    text = await scraped(prometheus, b"application/openmetrics-text; version=1.0.0")
    parsed = openmetrics.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    families = {family.name: family for family in parsed}
    series = {each.series for each in INSTRUMENTS.values()}
    assert families.keys() <= series
    assert families["sojourn_sessions_created"].type == "counter"
    await day.sessions.close()


async def test_what_never_happened_is_0_from_the_start(make: Make) -> None:
    prometheus = Prometheus()
    prometheus.watch(make())
    found = await figures(prometheus)
    assert at(found, "sojourn_sessions_created_total") == 0
    assert at(found, "sojourn_changes_dropped_total") == 0


async def test_a_request_is_active_while_it_is_under_way_however_it_ends(make: Make) -> None:
    sessions, prometheus = make(), Prometheus()
    prometheus.watch(sessions)
    visitor = Visitor(sessions)
    await visitor.ask(sets(a=1))

    async def look(_: object) -> float | None:
        return at(await figures(prometheus), "sojourn_sessions_active")

    assert (await visitor.ask(look)).value == 1
    assert (await Visitor(sessions).ask(look)).value == 0

    def fails(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await visitor.ask(fails)
    async with sessions.access((await visitor.ask(lambda session: session.ref)).value):
        assert await look(None) == 1
    await visitor.ask(lambda session: session.end())
    assert await look(None) == 0


async def test_sessions_of_one_application_are_counted_together_and_others_apart(make: Make) -> None:
    prometheus = Prometheus()
    for number, app in enumerate(["shop", "shop", "blog"]):
        sessions = make(app=app)
        prometheus.watch(sessions)
        for _ in range(number + 1):
            await Visitor(sessions).ask(sets(a=1))
    found = await figures(prometheus)
    assert at(found, "sojourn_sessions_created_total") == 3
    assert at(found, "sojourn_sessions_created_total", app="blog") == 3
    assert at(found, "sojourn_sessions_active") == 0


async def test_what_a_full_store_refuses_is_counted(make: Make) -> None:
    sessions, prometheus = make(store="memory:?entries=1&full=refuse"), Prometheus()
    prometheus.watch(sessions)
    answers = [await Visitor(sessions).ask(sets(a=1)) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 503, 503]
    found = await figures(prometheus)
    assert at(found, "sojourn_sessions_refused_total", reason="full") == 2
    assert at(found, "sojourn_store_duration_seconds_count", operation="save", outcome="full") == 2


async def test_what_is_written_behind_is_counted(make: Make) -> None:
    sessions, prometheus = make(save="async", write=Behind(interval=60)), Prometheus()
    prometheus.watch(sessions)
    visitor = Visitor(sessions)
    await visitor.ask(sets(a=1))
    for number in range(3):
        await visitor.ask(sets(a=number + 2))
    found = await figures(prometheus)
    assert [at(found, f"sojourn_behind_{name}") for name in ("queued_total", "depth", "flushed_total")] == [3, 1, 0]
    await sessions.close()
    found = await figures(prometheus)
    assert [at(found, f"sojourn_behind_{name}") for name in ("queued_total", "depth", "flushed_total")] == [3, 0, 1]


async def test_figures_can_be_where_others_are(make: Make) -> None:
    registry = prometheus_client.CollectorRegistry()
    mine = prometheus_client.Counter("orders", "Orders.", registry=registry)
    prometheus = Prometheus(registry)
    prometheus.watch(make())
    mine.inc()
    assert {("orders_total", frozenset[tuple[str, str]]())} <= (await figures(prometheus)).keys()


async def test_who_cannot_count_harms_nobody(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, prometheus = make(), Prometheus()
    prometheus.watch(sessions)

    def fails(*_: object) -> None:
        raise StoreUnavailable("an error that would mean something else")

    monkeypatch.setattr(Prometheus, "add", fails)
    monkeypatch.setattr(Prometheus, "record", fails)
    visitor = Visitor(sessions)
    assert (await visitor.ask(sets(a=1))).status == 200
    assert (await visitor.ask(everything)).value == {"a": 1}


@pytest.fixture(autouse=True)
def _nothing_in_the_registry_of_the_process() -> Iterator[None]:
    before = prometheus_client.generate_latest().count(b"sojourn_")
    yield
    assert prometheus_client.generate_latest().count(b"sojourn_") == before
