"""A client that cannot be made is no part of the exchange, which ends with those that were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.outbound.drivers.clients import CLIENTS, Client

from sojourn.errors import ExchangeEnded
from sojourn.outbound import Backend, Exchange
from sojourn.outbound.closing import Logout
from sojourn.testing.backend import FakeBackend

MAKES: dict[str, Callable[[Exchange, dict[str, Any]], object]] = {
    "httpx2": lambda exchange, options: exchange.httpx2(**options),
    "httpx2-sync": lambda exchange, options: exchange.httpx2_sync(**options),
    "aiohttp": lambda exchange, options: exchange.aiohttp(**options),
    "requests": lambda exchange, options: exchange.requests(**options),
}


def backend_of(fake: FakeBackend) -> Backend:
    return Backend(fake.url, reuse="exchange", auth=("alice", fake.password_of("alice")), closing=Logout())


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("kept", [False, True])
async def test_one_with_an_option_that_there_is_not_holds_no_exchange_open(
    name: str, kept: bool, fake: FakeBackend
) -> None:
    backend = backend_of(fake)
    if kept:
        backend.lines.keep_async()
    exchange = backend.exchange()
    with pytest.raises(TypeError, match="nonsense"):
        MAKES[name](exchange, {"nonsense": 1})
    async with CLIENTS[name](exchange) as http:
        await http.call("GET", "me")
    assert fake.counts().sessions_closed == 1
    await backend.aclose()


async def test_one_of_an_exchange_that_has_ended_leaves_nothing_open(client: type[Client], fake: FakeBackend) -> None:
    exchange = backend_of(fake).exchange()
    async with client(exchange):
        pass
    with pytest.raises(ExchangeEnded):
        client(exchange)


def test_one_without_an_event_loop_holds_no_exchange_open(fake: FakeBackend) -> None:
    backend = backend_of(fake)
    exchange = backend.exchange()
    with backend:
        with pytest.raises(RuntimeError, match="loop"):
            exchange.aiohttp()
        with exchange as http:
            http.get("me")
        assert fake.counts().sessions_closed == 1
