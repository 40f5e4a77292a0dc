"""Over a server, what shares a round trip is told, and that the server is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url
from tests.fixtures.visitor import Visitor, everything, sets

from sojourn import Sessions
from sojourn.telemetry.measuring import READINGS
from sojourn.telemetry.prometheus import Prometheus

__all__ = [
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "valkey_address",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]

MANY = 50


@pytest.fixture(params=["postgres", "valkey"])
def sessions(request: pytest.FixtureRequest) -> Sessions:
    return Sessions(request.getfixturevalue(f"{request.param}_url"), app="shop", near=None)


def reading(sessions: Sessions) -> Callable[[str], float]:
    return lambda name: READINGS[name](sessions) or 0.0


async def test_what_visitors_ask_at_once_shares_a_round_trip(sessions: Sessions) -> None:
    prometheus, read = Prometheus(), reading(sessions)
    prometheus.watch(sessions)
    visitors = [Visitor(sessions) for _ in range(MANY)]
    await asyncio.gather(*(each.ask(sets(a=1)) for each in visitors))
    operations, trips = read("store.operations"), read("store.round_trips")
    await asyncio.gather(*(each.ask(everything) for each in visitors))
    assert read("store.operations") - operations == MANY
    assert read("store.round_trips") - trips < MANY / 5
    text = prometheus.text().decode()
    assert f'store_duration_seconds_count{{app="shop",operation="load",outcome="done"}} {MANY}.0' in text
    assert 'sojourn_breaker_closed{app="shop"} 1.0' in text
    await sessions.close()


async def test_a_server_that_is_away_is_told() -> None:
    sessions, prometheus = Sessions("valkey://127.0.0.1:1", app="shop", near=None), Prometheus()
    prometheus.watch(sessions)
    assert (await Visitor(sessions).ask(sets(a=1))).status == 503
    text = prometheus.text().decode()
    assert 'sojourn_breaker_closed{app="shop"} 0.0' in text
    assert 'sojourn_breaker_breaks_total{app="shop"} 1.0' in text
    assert 'outcome="unavailable"' in text
    await sessions.close()
