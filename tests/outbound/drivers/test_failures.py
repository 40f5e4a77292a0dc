"""What is cut short in any step, through each client: it fails alone, the others go on, and no connection leaks."""

from __future__ import annotations

import asyncio

import pytest
from tests.outbound.drivers.clients import Client

from sojourn.errors import BackendError
from sojourn.outbound import Backend
from sojourn.outbound.auth import Form
from sojourn.outbound.closing import Logout
from sojourn.testing.backend import Behaviour, FakeBackend, Fault

STEPS = {
    "the sign-in": Fault(do="hold", path="/orders"),
    "the token": Fault(do="hold", method="HEAD"),
    "the call": Fault(do="hold", method="POST", path="/orders"),
    "the answer": Fault(do="hold", method="POST", path="/orders", at="processed"),
}


def backend_of(fake: FakeBackend) -> Backend:
    return Backend(fake.url, reuse="exchange", auth=("alice", fake.password_of("alice")), csrf=True, closing=Logout())


@pytest.mark.parametrize("step", STEPS)
async def test_a_call_that_takes_too_long_in_one_step_leaves_the_others_going(
    client: type[Client], fake: FakeBackend, step: str
) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    fake.plan(STEPS[step])
    async with client(backend_of(fake).exchange()) as http:
        with pytest.raises(client.timeouts):
            await http.call("POST", "orders", body=b"slow", patience=0.3)
        answers = await asyncio.gather(*(http.call("POST", "orders", body=b"%d" % n) for n in range(10)))
        fake.release()
    assert {answer.status for answer in answers} == {201}
    assert len({order.session for order in fake.orders() if order.body != "slow"}) == 1


@pytest.mark.parametrize("step", STEPS)
async def test_a_call_that_is_cancelled_in_one_step_leaves_those_that_wait_for_it_going(
    cancelling: type[Client], fake: FakeBackend, step: str
) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    fake.plan(STEPS[step])
    async with cancelling(backend_of(fake).exchange()) as http:
        first = asyncio.ensure_future(http.call("POST", "orders", body=b"slow"))
        await asyncio.to_thread(fake.wait_held, 1)
        others = [asyncio.ensure_future(http.call("POST", "orders", body=b"%d" % n)) for n in range(10)]
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        answers = await asyncio.gather(*others)
        fake.release()
    assert {answer.status for answer in answers} == {201}
    assert len({order.session for order in fake.orders() if order.body != "slow"}) == 1


@pytest.mark.parametrize("step", STEPS)
async def test_one_that_waits_for_another_is_cancelled_and_the_other_goes_on(
    cancelling: type[Client], fake: FakeBackend, step: str
) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    fake.plan(STEPS[step])
    async with cancelling(backend_of(fake).exchange()) as http:
        first = asyncio.ensure_future(http.call("POST", "orders", body=b"first"))
        await asyncio.to_thread(fake.wait_held, 1)
        other = asyncio.ensure_future(http.call("POST", "orders", body=b"other"))
        await asyncio.sleep(0)
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other
        fake.release()
        assert (await first).status == 201
        assert (await http.call("POST", "orders", body=b"next")).status == 201
    assert fake.counts().sign_ins == 1


async def test_a_connection_that_breaks_is_an_error_of_the_client_and_the_session_stays(
    client: type[Client], fake: FakeBackend
) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    async with client(backend_of(fake).exchange()) as http:
        await http.call("POST", "orders", body=b"1")
        fake.plan(Fault(do="cut", method="POST", at="processed"))
        with pytest.raises(client.broken):
            await http.call("POST", "orders", body=b"2")
        assert (await http.call("POST", "orders", body=b"3")).status == 201
    counts = fake.counts()
    assert (counts.sign_ins, counts.orders, counts.duplicates, counts.sessions_live) == (1, 3, 0, 0)


async def test_what_a_rule_of_the_users_raises_closes_the_answer(client: type[Client], fake: FakeBackend) -> None:
    def lost(response: object) -> bool:
        raise BackendError("a rule that fails")

    pair = ("alice", fake.password_of("alice"))
    async with client(Backend(fake.url, reuse="exchange", auth=pair, lost=lost).exchange()) as http:
        for _ in range(2):
            with pytest.raises(BackendError, match="a rule that fails"):
                await http.call("GET", "rows")


@pytest.mark.parametrize("login", ["redirect", "forward"])
async def test_a_form_is_filled_in_and_an_answer_that_was_read_for_it_is_still_there(
    client: type[Client], fake: FakeBackend, login: str
) -> None:
    fake.reset(Behaviour(sign_in=("form",), login=login))  # type: ignore[arg-type]
    auth = Form("/login", {"username": "alice", "password": fake.password_of("alice")}, identity="alice")
    async with client(Backend(fake.url, reuse="exchange", auth=auth).exchange()) as http:
        for _ in range(2):
            page = await http.call("GET", "")
            assert page.status == 200
            assert b"alice" in page.body
            fake.forget()
        async with http.stream("") as body:
            assert b"alice" in b"".join([chunk async for chunk in body])
    assert fake.counts().sign_ins == 3
