"""One access token for all exchanges of a client: who fetches it, who waits, and what becomes of a refused one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.outbound.negotiation.played import SESSION, Played, backend

from sojourn.errors import BackendBusy, SignInFailed
from sojourn.outbound import ClientCredentials, Exchange
from sojourn.testing import FakeClock

ASKS = "POST https://login.example/token"


@pytest.fixture
def auth() -> ClientCredentials:
    return ClientCredentials("https://login.example/token", "shop", "s3cret")


def grant(token: str, seconds: float = 3600) -> bytes:
    return b'{"access_token": "%s", "token_type": "bearer", "expires_in": %d}' % (token.encode(), seconds)


def bearer(call: Played) -> str:
    return str(call.sent["Authorization"]).removeprefix("Bearer ")


def exchanges(auth: ClientCredentials, number: int, **settings: Any) -> list[Exchange]:
    """Of back ends that know of each other nothing but who signs in."""
    return [backend(auth=auth, **settings).exchange() for _ in range(number)]


def played(auth: ClientCredentials, **settings: Any) -> Played:
    return Played(exchanges(auth, 1, **settings)[0])


def has_one(auth: ClientCredentials, token: str = "one") -> None:
    call = played(auth)
    call.answer(200, body=grant(token))
    call.answer(200, SESSION)


@pytest.mark.parametrize("reuse", ["none", "exchange", "flow"])
def test_it_is_fetched_once_for_all_who_wait(auth: ClientCredentials, reuse: str) -> None:
    first, *others = [Played(each) for each in exchanges(auth, 5, reuse=reuse)]
    assert first.asked == ASKS
    assert all(other.waits for other in others)
    first.answer(200, body=grant("one"))
    for other in others:
        other.go_on()
    assert [bearer(each) for each in (first, *others)] == ["one"] * 5
    assert bearer(played(auth)) == "one"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ConnectionError(), GeneratorExit()])
def test_when_the_one_who_fetches_goes_away_the_next_of_those_who_wait_does(
    auth: ClientCredentials, error: BaseException
) -> None:
    first, second, third = [Played(each) for each in exchanges(auth, 3)]
    first.fail(error)
    assert first.error is error
    second.go_on()
    assert second.asked == ASKS
    third.go_on()
    assert third.waits
    second.answer(200, body=grant("one"))
    third.go_on()
    assert bearer(third) == "one"


def test_who_waits_and_goes_away_leaves_the_others_waiting(auth: ClientCredentials) -> None:
    first, second, third = [Played(each) for each in exchanges(auth, 3)]
    second.fail(asyncio.CancelledError())
    first.answer(200, body=grant("one"))
    third.go_on()
    assert bearer(third) == "one"


def test_a_client_that_is_refused_asks_once_for_all_who_wait_and_the_next_call_tries_anew(
    auth: ClientCredentials,
) -> None:
    calls = [Played(each) for each in exchanges(auth, 4)]
    calls[0].answer(401, body=b'{"error": "invalid_client"}')
    for call in calls[1:]:
        call.go_on()
    assert [type(call.error) for call in calls] == [SignInFailed] * 4
    assert len({str(call.error) for call in calls}) == 1
    assert len({id(call.error) for call in calls}) == 4
    assert played(auth).asked == ASKS


def test_a_token_endpoint_that_does_not_answer_holds_nobody_up_for_ever(auth: ClientCredentials) -> None:
    clock = FakeClock()
    first, second = [Played(each) for each in exchanges(auth, 2, clock=clock)]
    assert second.step.seconds == 60
    clock.advance(seconds=40)
    first.fail(ConnectionError())
    first = played(auth, clock=clock)
    second.go_on()  # and finds that another one has been quicker
    assert second.step.seconds == 20
    second.fail(TimeoutError())
    assert isinstance(second.error, BackendBusy)
    assert "'shop' within 60 s; this one was not sent" in str(second.error)
    first.answer(200, body=grant("one"))
    assert bearer(first) == "one"


def test_one_that_is_refused_is_fetched_anew_once_for_all(auth: ClientCredentials) -> None:
    has_one(auth)
    calls = [Played(each) for each in exchanges(auth, 4)]
    for call in calls[:3]:
        assert bearer(call) == "one"
        call.answer(401)
    assert calls[0].asked == ASKS
    assert [call.waits for call in calls[1:3]] == [True, True]
    calls[0].answer(200, body=grant("two"))
    for call in calls[1:3]:
        call.go_on()
    calls[3].answer(401)  # to the old one, and late
    assert [bearer(call) for call in calls] == ["two"] * 4


def test_a_new_one_that_is_refused_as_well_is_an_error_for_all_who_waited_for_it(auth: ClientCredentials) -> None:
    has_one(auth)
    calls = [Played(each) for each in exchanges(auth, 3)]
    for call in calls:
        call.answer(401)
    calls[0].answer(200, body=grant("two"))
    for call in calls[1:]:
        call.go_on()
    for call in calls:
        call.answer(401)
    assert [type(call.error) for call in calls] == [SignInFailed] * 3


def test_whatever_is_fetched_and_refused_a_call_ends(auth: ClientCredentials) -> None:
    has_one(auth)
    call = played(auth)
    for number in range(2):
        other = played(auth)
        other.answer(401)
        other.answer(200, body=grant(f"of another, {number}".replace(" ", "")))
        call.answer(401)
    call.answer(401)
    assert isinstance(call.error, SignInFailed)


def test_a_call_that_is_denied_does_not_take_the_new_one_from_the_others(auth: ClientCredentials) -> None:
    has_one(auth)
    denied, *others = [Played(each) for each in exchanges(auth, 3)]
    denied.answer(401)
    denied.answer(200, body=grant("two"))
    denied.answer(401)
    assert isinstance(denied.error, SignInFailed)
    for other in others:
        other.answer(401)
        assert bearer(other) == "two"


def test_after_one_that_cannot_be_sent_again_the_next_call_has_a_new_one(auth: ClientCredentials) -> None:
    has_one(auth)
    (exchange,) = exchanges(auth, 1)
    call = Played(exchange, "POST", replayable=False)
    call.answer(401)
    assert isinstance(call.error, SignInFailed)
    assert Played(exchange).asked == ASKS


def test_it_is_renewed_a_little_before_it_expires_once_for_all(auth: ClientCredentials) -> None:
    clock = FakeClock()
    has = played(auth, clock=clock)
    has.answer(200, body=grant("one", 100))
    clock.advance(seconds=69)
    assert bearer(played(auth, clock=clock)) == "one"
    clock.advance(seconds=1)
    first, second = [Played(each) for each in exchanges(auth, 2, clock=clock)]
    assert first.asked == ASKS
    first.answer(200, body=grant("two", 100))
    second.go_on()
    assert bearer(second) == "two"


@pytest.mark.parametrize("seconds", [0, 1, 20])
def test_one_that_lives_for_a_moment_is_good_for_all_who_waited_for_it(auth: ClientCredentials, seconds: int) -> None:
    clock = FakeClock()
    first, *early = [Played(each) for each in exchanges(auth, 3, clock=clock)]
    clock.advance(seconds=30)
    late = played(auth, clock=clock)
    first.answer(200, body=grant("one", seconds))
    for call in (*early, late):
        call.go_on()
        assert bearer(call) == "one"


def test_where_credentials_go_with_each_call_all_calls_of_a_session_go_on_with_the_new_one(
    auth: ClientCredentials,
) -> None:
    (exchange,) = exchanges(auth, 1)
    first = Played(exchange)
    first.answer(200, body=grant("one"))
    first.answer(200)  # and no cookie
    calls = [Played(exchange) for _ in range(3)]
    for call in calls:
        assert bearer(call) == "one"
        call.answer(401)
    calls[0].answer(200, body=grant("two"))
    for call in calls[1:]:
        call.go_on()
    for call in calls:
        assert bearer(call) == "two"
        call.answer(200)
        assert call.result is not None
