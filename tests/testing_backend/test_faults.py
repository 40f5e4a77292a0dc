"""What goes wrong on demand: at the request and the moment that a test names."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from tests.testing_backend.conftest import NOBODY, Client

from sojourn.testing import Behaviour, FakeBackend, Fault


def test_a_session_is_forgotten_before_the_request_is_looked_at(backend: FakeBackend, client: Client) -> None:
    alice = client("alice")
    alice.get("/me")
    alice.auth = NOBODY
    backend.plan(Fault(do="forget", nth=2))
    assert [alice.post("/orders").status_code for _ in range(3)] == [201, 401, 401]
    assert len(backend.orders()) == 1
    assert backend.counts().sessions_forgotten == 1


@pytest.mark.parametrize("at", ["admitted", "processed"])
def test_a_session_is_forgotten_while_the_request_is_carried_out(backend: FakeBackend, client: Client, at: str) -> None:
    alice = client("alice")
    alice.get("/me")
    alice.auth = NOBODY
    backend.plan(Fault(do="forget", at=at, nth=2))  # type: ignore[arg-type]
    assert [alice.post("/orders").status_code for _ in range(3)] == [201, 201, 401]
    assert len(backend.orders()) == 2


def test_a_session_is_forgotten_between_token_and_order(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(csrf="fetch"))
    backend.plan(Fault(do="forget", at="processed", method="HEAD"))
    alice = client("alice")
    token = alice.head("/orders", headers={"X-CSRF-Token": "Fetch"}).headers["x-csrf-token"]
    alice.auth = NOBODY
    assert alice.post("/orders", headers={"X-CSRF-Token": token}).status_code == 401


def test_all_sessions_are_forgotten_at_once(backend: FakeBackend, client: Client) -> None:
    alice, bob = client("alice"), client("bob")
    for each in (alice, bob):
        each.get("/me")
        each.auth = NOBODY
    backend.plan(Fault(do="forget-all", path="/orders"))
    assert alice.get("/me").status_code == 200
    assert alice.get("/orders").status_code == 401
    assert bob.get("/me").status_code == 401


def test_a_token_is_forgotten_while_the_session_goes_on(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(csrf="fetch"))
    alice = client("alice")
    token = {"X-CSRF-Token": alice.head("/me", headers={"X-CSRF-Token": "Fetch"}).headers["x-csrf-token"]}
    backend.plan(Fault(do="forget-token", method="POST"))
    assert alice.post("/orders", headers=token).status_code == 403
    assert backend.counts().sessions_made == 1


def test_a_request_is_refused_once_or_as_often_as_told(backend: FakeBackend, client: Client) -> None:
    alice = client("alice")
    backend.plan(Fault(do="refuse", nth=2))
    backend.plan(Fault(do="refuse", nth=4, times=2, status=500))
    assert [alice.get("/me").status_code for _ in range(6)] == [200, 503, 200, 500, 500, 200]


def test_a_refusal_may_come_after_the_order_was_taken(backend: FakeBackend, client: Client) -> None:
    backend.plan(Fault(do="refuse", at="processed", path="/orders", status=502))
    assert client("alice").post("/orders").status_code == 502
    assert len(backend.orders()) == 1


def test_a_token_gets_lost_on_its_way(backend: FakeBackend, client: Client) -> None:
    backend.plan(Fault(do="cut", at="processed", path="/oauth/"))
    with pytest.raises(httpx2.RemoteProtocolError):
        client("alice").post("/oauth/token", data={"grant_type": "client_credentials"})
    assert backend.counts().access_tokens == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("at", ["arrival", "processed"])
def test_an_answer_breaks_off(backend: FakeBackend, client: Client, method: str, at: str) -> None:
    alice = client("alice")
    backend.plan(Fault(do="cut", at=at))  # type: ignore[arg-type]
    with pytest.raises(httpx2.RemoteProtocolError):
        alice.request(method, "/orders")
    assert len(backend.orders()) == (method == "POST" and at == "processed")
    assert alice.get("/me").status_code == 200
    assert not backend.log


async def test_requests_are_held_until_all_are_there(backend: FakeBackend, client: Client) -> None:
    client("alice")
    backend.plan(Fault(do="hold", at="admitted", times=None, path="/orders"))
    async with httpx2.AsyncClient(base_url=backend.url, auth=("alice", backend.password_of("alice"))) as alice:
        await alice.get("/me")
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(alice.post("/orders")) for _ in range(5)]
            await asyncio.to_thread(backend.wait_held, 5)
            assert not backend.orders()
            backend.release()
    assert {call.result().status_code for call in calls} == {201}
    assert backend.counts().most_parallel == 5
    with pytest.raises(TimeoutError, match="fewer than 1"):
        backend.wait_held(1, patience=0.01)


async def test_a_server_refuses_a_second_call_in_a_session_that_is_busy(backend: FakeBackend) -> None:
    backend.reset(Behaviour(parallel_status=409))
    backend.plan(Fault(do="hold", at="admitted", path="/orders"))
    async with httpx2.AsyncClient(base_url=backend.url, auth=("alice", backend.password_of("alice"))) as alice:
        await alice.get("/me")
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(alice.post("/orders"))
            await asyncio.to_thread(backend.wait_held, 1)
            assert (await alice.post("/orders")).status_code == 409
            backend.release()
        assert first.result().status_code == 201
        assert (await alice.post("/orders")).status_code == 201
    assert backend.counts().parallel_refused == 1


async def test_sign_ins_at_once_take_the_time_of_one(backend: FakeBackend) -> None:
    backend.reset(Behaviour(sign_in_costs=0.1))
    loop = asyncio.get_running_loop()
    limits = httpx2.Limits(max_connections=50)
    async with httpx2.AsyncClient(base_url=backend.url, limits=limits) as nobody:
        begun = loop.time()
        auth = ("alice", backend.password_of("alice"))
        await asyncio.gather(*(nobody.get("/me", auth=auth) for _ in range(40)))
        took = loop.time() - begun
    assert 0.1 <= took < 40 * 0.1
    assert backend.counts().sign_ins == 40
