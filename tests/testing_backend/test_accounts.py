"""What is counted adds up, whatever clients do."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import httpx2
import pytest
from tests.testing_backend.conftest import Client

from sojourn.testing import Behaviour, FakeBackend, Fault

USERS = ("alice", "bob", "carol")


def act(chance: random.Random, backend: FakeBackend, http: httpx2.Client) -> httpx2.Response | None:
    """Do something, as a client or as a test; return the answer to a request."""
    match chance.randrange(12):
        case 0:
            backend.forget(user=chance.choice(USERS))
        case 1:
            backend.advance(chance.choice([1, 30, 61]))
        case 2:
            backend.plan(Fault(do=chance.choice(["forget", "forget-all"]), at=chance.choice(["arrival", "processed"])))
        case 3:
            return http.get("/logout")
        case 4:
            return http.get("/me", headers={"x-os-session-keep-alive": "false"})
        case 5:
            http.cookies.clear()
        case 6 | 7:
            return http.get("/me", auth=("dora", "wrong"))
        case _:
            return http.post("/orders", content=str(chance.random()))
    return None


@pytest.mark.parametrize("seed", range(3))
def test_every_session_and_every_answer_is_accounted_for(backend: FakeBackend, client: Client, seed: int) -> None:
    backend.reset(Behaviour(idle=60, sessions_per_user=3))
    chance = random.Random(seed)
    clients = [client(user) for user in USERS]
    statuses = Counter[int]()
    for _ in range(150):
        answer = act(chance, backend, chance.choice(clients))
        if answer is not None:
            statuses[answer.status_code] += 1

    counts, seen = backend.counts(), backend.seen()
    ended = counts.sessions_closed + counts.sessions_expired + counts.sessions_forgotten
    assert counts.sessions_made == counts.sessions_live + ended
    assert counts.sign_ins == counts.sessions_made + counts.sessions_refused
    assert counts.requests == len(seen) == statuses.total()
    assert counts.orders == statuses[201] == len({order.body for order in backend.orders()})
    assert counts.sessions_refused == statuses[503]
    assert counts.challenges == counts.sign_ins_refused == statuses[401]
    assert Counter(each.status for each in seen) == statuses
    assert sum(each.made_session for each in seen) == counts.sessions_made
    assert counts.crossings == 0


async def test_hundreds_at_once_are_all_counted(backend: FakeBackend) -> None:
    backend.reset(Behaviour(sessions_per_user=400))
    backend.plan(Fault(do="hold", at="admitted", times=None))
    auth = ("alice", backend.password_of("alice"))
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    async with (
        httpx2.AsyncClient(base_url=backend.url, limits=limits, timeout=60) as nobody,
        asyncio.TaskGroup() as tasks,
    ):
        calls = [tasks.create_task(nobody.post("/orders", auth=auth, content=str(number))) for number in range(500)]
        await asyncio.to_thread(backend.wait_held, 400, 60)
        assert backend.counts().sessions_live == 400
        assert not backend.orders()
        backend.release()
    assert Counter(call.result().status_code for call in calls) == {201: 400, 503: 100}
    assert backend.counts().most_live == 400
