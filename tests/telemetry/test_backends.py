"""What a back end has counted of us is what a scrape tells of it, to Prometheus and to OpenTelemetry."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.parser import text_string_to_metric_families
from tests.fixtures.issued import look
from tests.outbound.negotiation.played import SESSION, Played

from sojourn.core.events import Detail
from sojourn.errors import SessionLost, SignInFailed
from sojourn.outbound import Backend, Basic, Form, Limits, Logout, events
from sojourn.telemetry import INSTRUMENTS
from sojourn.telemetry.backends import COUNTED, COUNTERS, READINGS
from sojourn.telemetry.opentelemetry import OpenTelemetry
from sojourn.telemetry.prometheus import Prometheus
from sojourn.testing import Behaviour, FakeBackend

ORDERS, USERS = 40, 3
KEY = b"of this installation"

Make = Callable[..., Backend]


@pytest.fixture(scope="module")
def running() -> Iterator[FakeBackend]:
    with FakeBackend() as backend:
        yield backend


@pytest.fixture
def fake(running: FakeBackend) -> FakeBackend:
    running.reset(Behaviour(csrf="fetch"))
    return running


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    prometheus = Prometheus()
    yield prometheus
    look("metrics", [prometheus.text()])


@pytest.fixture
def erp(fake: FakeBackend, prometheus: Prometheus) -> Backend:
    """For visitors of a site, who each sign in by themselves."""
    backend = Backend(fake.url, reuse="user", csrf=True, closing=Logout("logout"), limits=Limits(calls=4))
    prometheus.watch(backend)
    return backend


def as_user(fake: FakeBackend, number: int, password: str | None = None) -> dict[str, Any]:
    name = f"user{number}"
    return {"user": f"visitor{number}", "auth": Basic(name, password or fake.password_of(name))}


async def day(fake: FakeBackend, erp: Backend) -> None:
    """Users order all at once; the back end forgets them in between; one has a wrong password, and one is gone."""
    for _ in range(2):
        for number in range(USERS):
            async with erp.exchange(**as_user(fake, number)) as http:
                answers = await asyncio.gather(
                    *(http.post(f"orders?n={each}", json={"item": each}) for each in range(ORDERS))
                )
                assert {answer.status_code for answer in answers} == {201}
        fake.forget()
    with pytest.raises(SignInFailed):
        async with erp.exchange(**as_user(fake, 0, "wrong")) as http:
            await http.get("rows")
    await erp.aforget("visitor1")


def value(prometheus: Prometheus, name: str, **labels: str) -> float:
    """Of the sample of that name without `sojourn_backend_`; 0 where there is none."""
    app = labels.pop("app", None)
    return sum(
        sample.value
        for family in text_string_to_metric_families(prometheus.text().decode())
        for sample in family.samples
        if sample.name == f"sojourn_backend_{name}"
        and labels.items() <= sample.labels.items()
        and app in (None, sample.labels["app"])
    )


async def test_a_scrape_agrees_with_what_the_back_end_has_counted(
    fake: FakeBackend, erp: Backend, prometheus: Prometheus
) -> None:
    await day(fake, erp)
    counts, calls = fake.counts(), 2 * USERS * ORDERS
    assert value(prometheus, "begun_total") == counts.sessions_made == 2 * USERS
    assert value(prometheus, "signing_in_seconds_count") == counts.sign_ins
    assert value(prometheus, "refused_total") == counts.sign_ins_refused == 1
    assert value(prometheus, "tokens_total") == counts.csrf_tokens
    assert calls == counts.orders
    repeated = value(prometheus, "duration_seconds_count", outcome="repeated")
    assert repeated == value(prometheus, "forgotten_total", outcome="repeated") >= USERS
    assert value(prometheus, "duration_seconds_count", outcome="answered") == calls - repeated
    assert value(prometheus, "duration_seconds_count", outcome="refused") == 1
    assert value(prometheus, "duration_seconds_count") == calls + 1
    assert value(prometheus, "waiting_seconds_count", reason="sign-in") > 0
    assert value(prometheus, "waiting_seconds_count", reason="calls") > 0
    assert value(prometheus, "held") == erp.sessions == USERS - 1
    await erp.aclose()
    assert value(prometheus, "closed_total") == USERS
    assert value(prometheus, "held") == 0
    assert value(prometheus, "queued") == 0


async def test_what_was_closed_there_is_what_the_back_end_was_told_of(
    fake: FakeBackend, erp: Backend, prometheus: Prometheus
) -> None:
    for number in range(USERS):
        async with erp.exchange(**as_user(fake, number)) as http:
            await http.get("rows")
    await erp.aclose()
    assert value(prometheus, "closed_total", outcome="yes") == fake.counts().sessions_closed == USERS


async def test_what_is_lost_is_told(fake: FakeBackend, erp: Backend, prometheus: Prometheus) -> None:
    async def parts() -> Any:
        yield b"{}"

    async with erp.exchange(**as_user(fake, 1)) as http:
        await http.post("orders", json={})
        fake.forget()
        with pytest.raises(SessionLost):
            await http.post("orders", content=parts())
    assert value(prometheus, "forgotten_total", outcome="lost") == 1
    assert value(prometheus, "duration_seconds_count", outcome="lost") == 1
    await erp.aclose()


def test_each_call_of_many_threads_is_counted_once(fake: FakeBackend, prometheus: Prometheus) -> None:
    backend = Backend(fake.url, reuse="exchange", auth=Basic("alice", fake.password_of("alice")), sequential=True)
    prometheus.watch(backend)
    exchange = backend.exchange()

    def work(_: int) -> None:
        with exchange.requests() as http:
            for _ in range(10):
                assert http.get("rows").status_code == 200

    with exchange.requests(), ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    counts = fake.counts()
    assert value(prometheus, "duration_seconds_count", outcome="answered") == sum(counts.by_user.values()) == 80
    assert value(prometheus, "begun_total") == counts.sign_ins == 1
    assert value(prometheus, "waiting_seconds_count", reason="sequential") > 0


def shared(fake: FakeBackend, store: str) -> Backend:
    auth = Basic("alice", fake.password_of("alice"))
    return Backend(fake.url, reuse="flow", auth=auth, store=store, key=KEY, seal=[b"s" * 32])


def test_what_the_store_of_a_fleet_is_asked_is_told(fake: FakeBackend, prometheus: Prometheus, tmp_path: Path) -> None:
    for _ in range(2):
        with shared(fake, f"sqlite:///{tmp_path}/held.db") as backend:
            prometheus.watch(backend)
            with backend.exchange() as http:
                assert http.get("rows").status_code == 200
            assert backend.sessions == 1
    assert value(prometheus, "begun_total") == fake.counts().sign_ins == 1
    assert value(prometheus, "adopted_total") == 1
    asked = "sojourn_store_duration_seconds_count"
    text = prometheus.text().decode()
    assert f'{asked}{{app="{fake.url}",operation="load",outcome="absent"}} 1.0' in text
    assert f'{asked}{{app="{fake.url}",operation="load",outcome="done"}} 1.0' in text
    assert f'{asked}{{app="{fake.url}",operation="save",outcome="done"}}' in text


def test_a_store_of_a_fleet_that_is_away_is_told(fake: FakeBackend, prometheus: Prometheus) -> None:
    with shared(fake, "valkey://127.0.0.1:1") as backend:
        prometheus.watch(backend)
        with backend.exchange() as http:
            assert http.get("rows").status_code == 200
        assert value(prometheus, "store_away_total") == 1
        text = prometheus.text().decode()
        assert (
            f'sojourn_store_duration_seconds_count{{app="{fake.url}",operation="load",outcome="unavailable"}}' in text
        )
        assert f'sojourn_breaker_closed{{app="{fake.url}"}}' in text


def test_a_form_that_refuses_the_password_is_told(fake: FakeBackend, prometheus: Prometheus) -> None:
    fake.reset(Behaviour(sign_in=("form",)))
    form = Form("/rows", {"username": "alice", "password": "wrong"}, identity="alice")
    backend = Backend(fake.url, reuse="flow", auth=form)
    prometheus.watch(backend)
    with pytest.raises(SignInFailed), backend.exchange() as http:
        http.get("rows")
    assert value(prometheus, "refused_total") == fake.counts().sign_ins_refused == 1


def test_a_back_end_without_cookies_is_told(fake: FakeBackend, prometheus: Prometheus) -> None:
    fake.reset(Behaviour(session_cookie=None))
    backend = Backend(fake.url, reuse="flow", auth=Basic("alice", fake.password_of("alice")))
    prometheus.watch(backend)
    with backend.exchange() as http:
        for _ in range(3):
            http.get("me")
    assert value(prometheus, "unkept_total") == 1


def test_who_calls_in_the_session_of_another_is_told(fake: FakeBackend, prometheus: Prometheus) -> None:
    backend = Backend(fake.url, reuse="flow", identity="first")
    prometheus.watch(backend)
    for name in ("alice", "bob"):
        with backend.exchange(auth=Basic(name, fake.password_of(name))) as http:
            http.get("rows")
    assert value(prometheus, "ignored_total") == 1


async def test_labels_take_few_values_and_name_nobody(fake: FakeBackend, erp: Backend, prometheus: Prometheus) -> None:
    told: list[Any] = []
    erp.listen(told.append)
    await day(fake, erp)
    await erp.aclose()
    text = prometheus.text().decode()
    labels = re.findall(r"(\w+)=\"(.*?)\"", "\n".join(each for each in text.splitlines() if "_backend_" in each))
    assert {name for name, _ in labels} == {"app", "outcome", "reason", "le"}
    assert {value for name, value in labels if name == "app"} == {fake.url}
    refs = {event.ref for event in told}
    assert len(refs) >= 2 * USERS
    secret = [*refs, "user0", "visitor", "/orders", "/rows", "JSESSIONID", "Basic", fake.password_of("user0")]
    assert not [each for each in secret if each in text]


def test_back_ends_are_told_apart_and_those_of_one_address_together(prometheus: Prometheus) -> None:
    for host in ("erp", "erp", "crm"):
        url = f"http://{host}.example/"
        backend = Backend(f"{url}api")
        prometheus.watch(backend)
        Played(backend.exchange(), url=url).answer(200, SESSION)
    assert value(prometheus, "begun_total", app="http://erp.example") == 2
    assert value(prometheus, "begun_total", app="http://crm.example") == 1


def test_what_never_happened_is_0_from_the_start_and_sessions_of_visitors_are_not_told(prometheus: Prometheus) -> None:
    prometheus.watch(Backend("https://erp.example"))
    text = prometheus.text().decode()
    assert 'sojourn_backend_begun_total{app="https://erp.example"} 0.0' in text
    assert 'sojourn_backend_held{app="https://erp.example"} 0.0' in text
    assert "sojourn_sessions_created_total{" not in text
    assert "sojourn_backend_queued{" not in text  # there are no limits


async def test_opentelemetry_is_told_the_same(fake: FakeBackend, erp: Backend, prometheus: Prometheus) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    OpenTelemetry(provider.get_meter("shop")).watch(erp)
    await day(fake, erp)
    data: Any = reader.get_metrics_data()
    told = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert len(told) >= 8
    for each in INSTRUMENTS.values():
        ending = {"counter": "_total", "histogram": "_count", "gauge": ""}[each.kind]
        series = each.series.removeprefix("sojourn_backend_") + ending
        points = told[each.name].data.data_points if each.name in told else []
        for point in points:
            count = point.count if each.kind == "histogram" else point.value
            assert value(prometheus, series, **point.attributes) == count
        assert sum(value(prometheus, series, **point.attributes) for point in points) == value(prometheus, series)
    await erp.aclose()
    provider.shutdown()


def test_every_event_but_details_is_counted() -> None:
    kinds = {name for name in events.__all__ if not issubclass(getattr(events, name), Detail)}
    assert kinds == {*COUNTED, "BackendEvent"}


def test_the_table_has_nothing_that_is_never_told() -> None:
    told = {*COUNTERS, *READINGS, "backend.duration", "backend.waiting", "backend.signing_in"}
    assert {name for name in INSTRUMENTS if name.startswith("backend.")} <= told
