"""Two users call through one `Backend`, with delays, cancellations and sessions that are forgotten: never mixed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from sojourn.outbound import Backend, Basic, Limits
from sojourn.testing import Behaviour, FakeBackend, Fault

CALLS, AT_ONCE = 10_000, 64


@pytest.fixture
def fake() -> Iterator[FakeBackend]:
    with FakeBackend(Behaviour(csrf="fetch", records=100)) as fake:
        yield fake


@pytest.mark.parametrize("reuse", ["flow", "exchange"])
async def test_the_back_end_never_sees_the_cookie_of_one_with_the_request_of_the_other(
    fake: FakeBackend, reuse: str
) -> None:
    chance = random.Random(7)
    for nth in range(50, CALLS, 211):  # at a call of whichever user it happens to be
        fake.plan(Fault(do=chance.choice(["forget", "forget-token", "forget-all"]), nth=nth))
    users = [Basic(name, fake.password_of(name)) for name in ("alice", "bob")]
    done = {"answered": 0, "cancelled": 0}
    room = asyncio.Semaphore(AT_ONCE)
    async with Backend(fake.url, reuse=reuse, csrf=True, limits=Limits(patience=60)) as erp:  # type: ignore[arg-type]
        exchange = erp.exchange()
        async with exchange.signed_in_as(users[0]).aiohttp() as alice, exchange.signed_in_as(users[1]).aiohttp() as bob:

            async def call(number: int) -> None:
                user, http = (users[0], alice) if number % 2 else (users[1], bob)
                method, path = ("POST", "orders") if chance.random() < 0.3 else ("GET", "me")
                async with room:
                    if chance.random() < 0.1:
                        await asyncio.sleep(chance.random() / 100)
                    asking = asyncio.ensure_future(
                        http.request(method, path, headers={"X-Who": user.user}, data=b"%d" % number)
                    )
                    if chance.random() < 0.05:
                        await asyncio.sleep(chance.random() / 200)
                        asking.cancel()
                    try:
                        async with await asking as answer:
                            assert answer.status in (200, 201), answer.status
                            if method == "GET":
                                assert (await answer.json())["user"] == user.user
                        done["answered"] += 1
                    except asyncio.CancelledError:
                        done["cancelled"] += 1

            async with asyncio.TaskGroup() as calls:
                for number in range(CALLS):
                    calls.create_task(call(number))
    counts = fake.counts()
    assert sum(done.values()) == CALLS
    assert done["cancelled"] > 100
    assert counts.sessions_forgotten > 20
    assert (counts.crossings, counts.mixed, counts.doubled, counts.duplicates) == (0, 0, 0, 0)
