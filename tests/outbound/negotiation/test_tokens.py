"""A token and its cookie are one unit: fetched once, refused together, renewed together."""

from __future__ import annotations

import asyncio

import pytest
from tests.outbound.negotiation.played import ANOTHER, SESSION, Played, backend

from sojourn.core.events import Event
from sojourn.errors import SessionLost, SignInFailed
from sojourn.outbound import Exchange

TOKEN = ("X-CSRF-Token", "t1")
NEWER = ("X-CSRF-Token", "t2")
REQUIRED = ("X-CSRF-Token", "Required")


@pytest.fixture
def exchange() -> Exchange:
    return backend(csrf=True).exchange()


def signed_in(exchange: Exchange) -> None:
    call = Played(exchange, "POST", "orders")
    call.answer(200, SESSION, TOKEN)
    call.answer(201)


def test_the_call_for_the_token_is_the_one_that_signs_in(exchange: Exchange) -> None:
    call, other = Played(exchange, "POST", "orders"), Played(exchange)
    assert call.asked == "HEAD orders"
    assert dict(call.step.request.headers)["Authorization"].startswith("Basic ")
    call.answer(200, SESSION, TOKEN)
    assert call.sent == {"Cookie": "JSESSIONID=one", "X-CSRF-Token": "t1"}
    other.go_on()  # before the first has been answered
    assert other.sent == {"Cookie": "JSESSIONID=one"}


def test_a_token_is_fetched_once_for_all_who_wait_for_it(exchange: Exchange) -> None:
    Played(exchange).answer(200, SESSION)
    first, second = Played(exchange, "POST"), Played(exchange, "PUT")
    assert "Authorization" not in dict(first.step.request.headers)
    assert second.waits
    first.answer(200, TOKEN)
    second.go_on()
    assert (first.sent, second.sent) == ({"Cookie": "JSESSIONID=one", "X-CSRF-Token": "t1"},) * 2


def test_a_token_that_is_not_given_is_told_of_and_the_call_goes_without() -> None:
    told: list[Event] = []
    erp = backend(csrf=True)
    erp.listen(told.append)
    call = Played(erp.exchange(), "POST", "orders")
    call.answer(200, SESSION)  # to HEAD
    call.answer(200)  # to GET
    assert call.sent == {"Cookie": "JSESSIONID=one"}
    assert [type(event).__name__ for event in told] == ["TokenMissing", "SignedIn"]


def test_who_fetches_it_and_goes_away_leaves_that_to_the_next(exchange: Exchange) -> None:
    Played(exchange).answer(200, SESSION)
    first, second = Played(exchange, "POST"), Played(exchange, "POST")
    first.fail(asyncio.CancelledError())
    second.go_on()
    assert second.asked == "HEAD rows"


def test_of_calls_whose_token_is_refused_one_fetches_another(exchange: Exchange) -> None:
    signed_in(exchange)
    calls = [Played(exchange, "POST") for _ in range(3)]
    for call in calls:
        call.answer(403, REQUIRED)
    assert calls[0].asked == "HEAD rows"
    assert calls[1].waits
    calls[0].answer(200, NEWER)
    for call in calls[1:]:
        call.go_on()
    assert [call.sent["X-CSRF-Token"] for call in calls] == ["t2"] * 3


def test_a_token_that_is_refused_again_is_not_fetched_for_ever(exchange: Exchange) -> None:
    signed_in(exchange)
    call = Played(exchange, "POST")
    call.answer(403, REQUIRED)
    call.answer(200, NEWER)
    call.answer(403, REQUIRED)
    assert call.result is not None
    assert call.result.status == 403


def test_a_call_that_can_be_sent_only_once_is_answered_as_it_was(exchange: Exchange) -> None:
    signed_in(exchange)
    call = Played(exchange, "POST", replayable=False)
    call.answer(403, REQUIRED)
    if call.result is None:
        call.answer(200, NEWER)
    assert call.result is not None
    assert call.result.status == 403


def test_a_plain_denial_is_no_reason_to_fetch_a_token(exchange: Exchange) -> None:
    signed_in(exchange)
    call = Played(exchange, "POST")
    call.answer(403)
    assert call.result is not None


def test_a_session_that_is_gone_when_the_token_is_fetched_is_renewed_with_its_token(exchange: Exchange) -> None:
    signed_in(exchange)
    call = Played(exchange, "POST", replayable=True)
    call.answer(403, REQUIRED)
    call.answer(401)
    assert call.asked == "HEAD rows"
    assert "Authorization" in dict(call.step.request.headers)
    call.answer(200, ANOTHER, NEWER)
    assert call.sent == {"Cookie": "JSESSIONID=two", "X-CSRF-Token": "t2"}


def test_no_call_carries_the_token_of_one_session_and_the_cookie_of_another(exchange: Exchange) -> None:
    signed_in(exchange)
    slow, quick = Played(exchange, "POST"), Played(exchange, "POST")
    quick.answer(401)
    quick.answer(200, ANOTHER, NEWER)
    quick.answer(201)
    slow.answer(200, ("X-CSRF-Token", "of the session that is gone"))
    assert Played(exchange, "POST").sent == {"Cookie": "JSESSIONID=two", "X-CSRF-Token": "t2"}


def test_credentials_that_are_refused_when_the_token_is_fetched_fail_all_who_wait(exchange: Exchange) -> None:
    first, second = Played(exchange, "POST"), Played(exchange, "POST")
    first.answer(401)
    second.go_on()
    assert isinstance(first.error, SignInFailed)
    assert isinstance(second.error, SignInFailed)


def test_a_stateful_exchange_is_lost_when_the_token_call_hears_of_it() -> None:
    exchange = backend(csrf=True, stateful=True).exchange()
    Played(exchange).answer(200, SESSION)
    call = Played(exchange, "POST")
    call.answer(401)
    assert isinstance(call.error, SessionLost)


def test_a_stateful_exchange_that_was_said_to_be_lost_stays_so_where_its_session_has_just_begun() -> None:
    exchange = backend(csrf=True, stateful=True).exchange()
    call = Played(exchange, "POST", replayable=False)
    call.answer(200, SESSION, TOKEN)
    call.answer(401)
    assert isinstance(call.error, SessionLost)
    assert isinstance(Played(exchange).error, SessionLost)


def test_a_token_that_the_application_fetched_itself_is_kept(exchange: Exchange) -> None:
    call = Played(exchange, "HEAD", headers={"X-CSRF-Token": "Fetch"})
    call.answer(200, SESSION, TOKEN)
    assert Played(exchange, "POST").sent == {"Cookie": "JSESSIONID=one", "X-CSRF-Token": "t1"}


def test_a_back_end_that_gives_no_token_is_asked_once(exchange: Exchange) -> None:
    call = Played(exchange, "POST")
    call.answer(200, SESSION)
    while call.result is None and not hasattr(call.step, "headers"):
        call.answer(200)
    assert call.sent == {"Cookie": "JSESSIONID=one"}
    call.answer(201)
    assert Played(exchange, "POST").sent == {"Cookie": "JSESSIONID=one"}


def test_a_token_that_the_application_sets_itself_is_its_own_business(exchange: Exchange) -> None:
    signed_in(exchange)
    call = Played(exchange, "POST", headers={"X-CSRF-Token": "mine"})
    assert call.sent == {"Cookie": "JSESSIONID=one"}
    call.answer(403, REQUIRED)
    assert call.result is not None
