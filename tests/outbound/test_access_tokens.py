"""A thousand exchanges of one client, in event loops and threads, at a server of tokens: one token for all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sojourn.outbound import Backend, ClientCredentials
from sojourn.testing import Behaviour, FakeBackend, Fault

LOOPS, THREADS = 2, 4
EXCHANGES = 1000


@pytest.fixture(scope="module")
def server() -> Iterator[FakeBackend]:
    with FakeBackend() as fake:
        yield fake


class Everywhere:
    """Calls of `EXCHANGES` exchanges, in event loops and threads at once; half of them wait."""

    def __init__(self, erp: Backend) -> None:
        self.erp = erp
        self.begun = threading.Semaphore(0)

    def call(self, fake: FakeBackend) -> None:
        """The server of tokens answers when somebody has come from everywhere."""
        fake.plan(Fault(do="hold", path="/oauth/token"))
        with ThreadPoolExecutor(LOOPS + THREADS) as pool:
            doing = [pool.submit(asyncio.run, self.in_loop(EXCHANGES // 2 // LOOPS)) for _ in range(LOOPS)]
            doing += [pool.submit(self.in_thread, EXCHANGES // 2 // THREADS) for _ in range(THREADS)]
            for _ in doing:
                self.begun.acquire()
            fake.wait_held(1)
            fake.release()
            for done in doing:
                done.result()

    async def in_loop(self, number: int) -> None:
        async def one() -> None:
            async with room, self.erp.exchange().aiohttp() as http, http.get("me") as answer:
                assert (await answer.json())["user"] == "shop"

        room = asyncio.Semaphore(32)
        self.begun.release()
        async with asyncio.TaskGroup() as calls:
            for _ in range(number):
                calls.create_task(one())

    def in_thread(self, number: int) -> None:
        self.begun.release()
        for _ in range(number):
            with self.erp.exchange().requests() as http:
                assert http.get("me").json()["user"] == "shop"


@pytest.mark.parametrize(("reuse", "cookie"), [("exchange", "JSESSIONID"), ("exchange", None), ("none", None)], ids=str)
def test_one_token_does_for_all_and_one_more_when_it_is_refused(
    server: FakeBackend, reuse: str, cookie: str | None
) -> None:
    server.reset(Behaviour(sign_in=("bearer",), session_cookie=cookie, sessions_per_user=2 * EXCHANGES, records=10))
    auth = ClientCredentials(f"{server.url}/oauth/token", "shop", server.password_of("shop"))
    everywhere = Everywhere(Backend(server.url, reuse=reuse, auth=auth))  # type: ignore[arg-type]
    everywhere.call(server)
    assert server.counts().access_tokens == 1
    server.forget_tokens()
    everywhere.call(server)
    assert server.counts().access_tokens == 2
