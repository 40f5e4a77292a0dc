"""One session for the calls of an exchange, through each client: signed in once, with its token, renewed."""

from __future__ import annotations

import asyncio
import base64

import pytest
from tests.outbound.drivers.clients import CLIENTS, Client

from sojourn.errors import BackendBusy, ExchangeEnded, SessionLost, SignInFailed
from sojourn.outbound import Backend, Limits
from sojourn.outbound.closing import LastCall, Logout
from sojourn.testing.backend import Behaviour, FakeBackend, Fault


def backend_of(fake: FakeBackend, user: str = "alice", **settings: object) -> Backend:
    options = {"reuse": "exchange", "auth": (user, fake.password_of(user)), "csrf": True, "closing": Logout()}
    return Backend(fake.url, **(options | settings))  # type: ignore[arg-type]


async def test_many_calls_at_once_sign_in_once_and_fetch_one_token(client: type[Client], fake: FakeBackend) -> None:
    fake.reset(Behaviour(csrf="fetch", sign_in_costs=0.05))
    async with client(backend_of(fake).exchange()) as http:
        answers = await asyncio.gather(*(http.call("POST", "orders", body=b"%d" % n) for n in range(200)))
    assert {answer.status for answer in answers} == {201}
    counts = fake.counts()
    assert (counts.sign_ins, counts.csrf_tokens, counts.sessions_made, counts.sessions_closed) == (1, 1, 1, 1)
    assert (counts.orders, counts.duplicates, counts.challenges, counts.doubled) == (200, 0, 0, 0)


async def test_a_request_of_the_first_call_goes_with_credentials_and_all_others_with_cookies_alone(
    client: type[Client], fake: FakeBackend
) -> None:
    async with client(backend_of(fake, csrf=False, closing=None).exchange()) as http:
        for _ in range(3):
            await http.call("GET", "me")
    seen = fake.seen()
    assert [each.credentials for each in seen] == ["basic", None, None]
    assert [each.cookies for each in seen] == [None, ("JSESSIONID",), ("JSESSIONID",)]


@pytest.mark.parametrize("body", [{"body": b"bytes"}, {}])
async def test_a_session_that_is_gone_is_renewed_and_the_call_is_sent_again(
    client: type[Client], fake: FakeBackend, body: dict[str, bytes]
) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    async with client(backend_of(fake).exchange()) as http:
        await http.call("GET", "me")
        fake.forget()
        assert (await http.call("POST", "orders", **body)).status == 201  # type: ignore[arg-type]
    assert [order.body for order in fake.orders()] == [body.get("body", b"").decode()]
    assert fake.counts().sign_ins == 2


async def test_a_body_that_can_be_sent_once_is_sent_once_and_the_next_call_works(
    client: type[Client], fake: FakeBackend
) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    async with client(backend_of(fake).exchange()) as http:
        assert (await http.call("POST", "orders", once=b"first")).status == 201
        fake.forget()
        with pytest.raises(SessionLost, match="its body cannot be sent twice"):
            await http.call("POST", "orders", once=b"second")
        assert (await http.call("POST", "orders", once=b"third")).status == 201
    assert [order.body for order in fake.orders()] == ["first", "third"]


async def test_a_token_that_is_good_no_more_is_fetched_anew(client: type[Client], fake: FakeBackend) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    async with client(backend_of(fake).exchange()) as http:
        await http.call("POST", "orders", body=b"1")
        fake.forget_tokens()
        assert (await http.call("POST", "orders", body=b"2")).status == 201
    counts = fake.counts()
    assert (counts.sign_ins, counts.csrf_tokens, counts.orders, counts.duplicates) == (1, 2, 2, 0)


async def test_wrong_credentials_fail_all_calls_that_wait_for_the_sign_in(
    client: type[Client], fake: FakeBackend
) -> None:
    fake.plan(Fault(do="hold", path="/me"))
    async with client(backend_of(fake, auth=("alice", "wrong")).exchange()) as http:
        calls = [asyncio.ensure_future(http.call("GET", "me")) for _ in range(10)]
        await asyncio.to_thread(fake.wait_held, 1)
        fake.release()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in outcomes} == {SignInFailed}
    if client.cancels:  # else some threads may have begun later
        assert fake.counts().sign_ins_refused == 1


async def test_a_server_that_serves_one_call_of_a_session_at_a_time_gets_one_at_a_time(
    client: type[Client], fake: FakeBackend
) -> None:
    fake.reset(Behaviour(csrf="fetch", parallel_status=409, takes=0.002))
    async with client(backend_of(fake, sequential=True).exchange()) as http:
        answers = await asyncio.gather(*(http.call("POST", "orders", body=b"%d" % n) for n in range(30)))
    assert {answer.status for answer in answers} == {201}
    counts = fake.counts()
    assert (counts.most_parallel, counts.parallel_refused, counts.sign_ins) == (1, 0, 1)


async def test_no_more_calls_go_at_once_than_the_limit(client: type[Client], fake: FakeBackend) -> None:
    fake.reset(Behaviour(takes=0.005))
    limits = Limits(calls=3)
    async with client(backend_of(fake, csrf=False, limits=limits).exchange()) as http:
        await asyncio.gather(*(http.call("GET", "rows") for _ in range(30)))
    assert fake.counts().most_parallel == 3


async def test_a_call_that_finds_no_room_in_time_is_not_sent(client: type[Client], fake: FakeBackend) -> None:
    fake.plan(Fault(do="hold", path="/rows"))
    limits = Limits(calls=1, patience=0.05)
    async with client(backend_of(fake, csrf=False, limits=limits).exchange()) as http:
        held = asyncio.ensure_future(http.call("GET", "rows"))
        await asyncio.to_thread(fake.wait_held, 1)
        with pytest.raises(BackendBusy):
            await http.call("GET", "me")
        fake.release()
        assert (await held).status == 200
        assert (await http.call("GET", "me")).status == 200
    assert [each.path for each in fake.seen()] == ["/rows", "/me", "/logout"]


async def test_calls_keep_to_a_pace(client: type[Client], fake: FakeBackend) -> None:
    limits = Limits(pace=(5, 0.1))
    async with client(backend_of(fake, csrf=False, limits=limits).exchange()) as http:
        begin = asyncio.get_running_loop().time()
        await asyncio.gather(*(http.call("GET", "me") for _ in range(15)))
        assert asyncio.get_running_loop().time() - begin > 0.19


async def test_no_more_sessions_are_held_than_the_limit(client: type[Client], fake: FakeBackend) -> None:
    limits = Limits(sessions=2)
    backend = backend_of(fake, csrf=False, limits=limits)

    async def one() -> None:
        async with client(backend.exchange()) as http:
            assert (await http.call("GET", "me")).status == 200

    await asyncio.gather(*(one() for _ in range(6)))
    counts = fake.counts()
    assert (counts.most_live, counts.sessions_made, counts.sessions_live) == (2, 6, 0)


@pytest.mark.parametrize("closing", [Logout(), LastCall()])
async def test_a_call_of_its_own_session_closes_it(
    client: type[Client], fake: FakeBackend, closing: Logout | LastCall
) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    async with client(backend_of(fake, reuse="none", closing=closing).exchange()) as http:
        for n in range(2):
            assert (await http.call("POST", "orders", body=b"%d" % n)).status == 201
    counts = fake.counts()
    assert (counts.sign_ins, counts.sessions_live, counts.sessions_closed) == (2, 0, 2)


async def test_authorization_that_is_set_by_hand_has_a_session_of_its_own(
    client: type[Client], fake: FakeBackend
) -> None:
    pair = base64.b64encode(f"bob:{fake.password_of('bob')}".encode()).decode()
    async with client(backend_of(fake, csrf=False).exchange()) as http:
        for _ in range(2):
            alice = await http.call("GET", "me", headers={"x-who": "alice"})
            bob = await http.call("GET", "me", headers={"aUtHoRiZaTiOn": f"Basic {pair}", "x-who": "bob"})
            assert b'"alice"' in alice.body
            assert b'"bob"' in bob.body
    counts = fake.counts()
    assert (counts.sign_ins, counts.mixed, counts.crossings, counts.sessions_live) == (2, 0, 0, 0)
    assert [each.credentials for each in fake.seen()] == ["basic", "basic", None, None, None, None]


async def test_a_call_after_the_end_of_the_exchange_is_not_sent(client: type[Client], fake: FakeBackend) -> None:
    exchange = backend_of(fake, csrf=False).exchange()
    async with client(exchange) as http:
        await http.call("GET", "me")
    with pytest.raises(ExchangeEnded):
        client(exchange)
    sent = fake.counts().requests
    with pytest.raises((ExchangeEnded, RuntimeError)):
        await http.call("GET", "me")
    assert fake.counts().requests == sent


async def test_a_client_is_closed_twice_and_the_exchange_goes_on_for_the_other(
    client: type[Client], fake: FakeBackend
) -> None:
    exchange = backend_of(fake, csrf=False).exchange()
    one, other = client(exchange), client(exchange)
    await one.call("GET", "me")
    await one.close()
    if isinstance(one, CLIENTS["aiohttp"] | CLIENTS["httpx2"]):
        await one.close()
    assert fake.counts().sessions_live == 1
    await other.call("GET", "me")
    await other.close()
    counts = fake.counts()
    assert (counts.sign_ins, counts.sessions_closed, counts.sessions_live) == (1, 1, 0)


async def test_all_clients_at_once_share_one_sign_in(fake: FakeBackend) -> None:
    fake.reset(Behaviour(csrf="fetch", sign_in_costs=0.05))
    exchange = backend_of(fake).exchange()
    clients = [kind(exchange) for kind in CLIENTS.values()]
    try:
        answers = await asyncio.gather(
            *(http.call("POST", "orders", body=b"%d" % n) for n, http in enumerate(clients * 50))
        )
    finally:
        for http in clients:
            await http.close()
    assert {answer.status for answer in answers} == {201}
    counts = fake.counts()
    assert (counts.sign_ins, counts.csrf_tokens, counts.sessions_made, counts.sessions_closed) == (1, 1, 1, 1)
    assert (counts.orders, counts.duplicates) == (200, 0)


async def test_an_exchange_is_entered_by_several_tasks(fake: FakeBackend) -> None:
    exchange = backend_of(fake, csrf=False).exchange()
    entered, go = asyncio.Barrier(3), asyncio.Event()

    async def one() -> None:
        async with exchange as http:
            await entered.wait()
            await http.get("me")
            await go.wait()

    tasks = [asyncio.ensure_future(one()) for _ in range(2)]
    await entered.wait()
    go.set()
    await asyncio.gather(*tasks)
    counts = fake.counts()
    assert (counts.sign_ins, counts.sessions_closed) == (1, 1)
