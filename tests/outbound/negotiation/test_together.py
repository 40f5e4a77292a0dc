"""Calls that come together: who signs in, who waits, and what becomes of them when things go wrong half way."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import pytest
from tests.outbound.negotiation.played import ANOTHER, SESSION, Played, backend

from sojourn.errors import BackendBusy, ExchangeEnded, SessionLost, SignInFailed
from sojourn.outbound import Backend, Exchange, Limits, Logout, Request, Response, SignInWith
from sojourn.testing import FakeClock


@pytest.fixture
def exchange() -> Exchange:
    return backend().exchange()


def test_the_first_call_carries_the_credentials_and_the_others_wait_for_its_session(exchange: Exchange) -> None:
    first, second = Played(exchange), Played(exchange)
    assert first.sent["Authorization"] is not None
    assert second.waits
    first.answer(200, SESSION)
    second.go_on()
    assert second.sent == {"Cookie": "JSESSIONID=one"}


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ConnectionError(), GeneratorExit()])
def test_when_the_one_who_signs_in_goes_away_the_next_of_those_who_wait_signs_in(
    exchange: Exchange, error: BaseException
) -> None:
    first, second, third = Played(exchange), Played(exchange), Played(exchange)
    first.fail(error)
    assert first.error is error
    second.go_on()
    assert second.sent["Authorization"] is not None
    third.go_on()
    assert third.waits
    second.answer(200, SESSION)
    third.go_on()
    assert third.sent == {"Cookie": "JSESSIONID=one"}


def test_while_one_after_the_other_fails_nobody_waits_longer_than_for_one() -> None:
    clock = FakeClock()
    exchange = backend(clock=clock, csrf=True).exchange()
    first, second, third = Played(exchange), Played(exchange), Played(exchange)
    assert third.step.seconds == 60
    clock.advance(seconds=40)
    first.fail(TimeoutError())
    second.go_on()
    third.go_on()
    assert third.step.seconds == 20
    clock.advance(seconds=40)
    second.fail(TimeoutError())
    second = Played(exchange)
    third.go_on()
    assert third.step.seconds == 0
    third.fail(TimeoutError())
    assert isinstance(third.error, BackendBusy)
    second.answer(200, SESSION)
    first, second = Played(exchange, "POST"), Played(exchange, "POST")
    assert first.asked.startswith("HEAD")
    assert second.step.seconds == 60
    second.fail(TimeoutError())
    assert "has not fetched the token of the session within 60 s; this one was not sent" in str(second.error)


def test_a_server_that_fails_leaves_the_sign_in_to_the_next(exchange: Exchange) -> None:
    first, second = Played(exchange), Played(exchange)
    first.answer(503)
    assert first.result is not None
    assert first.result.status == 503
    second.go_on()
    assert second.sent["Authorization"] is not None


def test_a_wrong_password_is_tried_once_for_all_who_wait(exchange: Exchange) -> None:
    first, others = Played(exchange), [Played(exchange) for _ in range(5)]
    first.answer(401)
    for other in others:
        other.go_on()
    assert [type(each.error) for each in (first, *others)] == [SignInFailed] * 6
    assert Played(exchange).sent["Authorization"] is not None  # who comes later may try: it may have been put right


def test_a_sign_in_that_came_to_nothing_without_saying_so_is_tried_twice_and_no_more() -> None:
    def knock(url: str, now: float) -> Generator[Request, Response, dict[str, str]]:
        yield Request(method="GET", url=f"{url}knock")
        return {}

    exchange = backend(auth=SignInWith(knock, identity="alice", secret="wrong")).exchange()
    call = Played(exchange)
    for _ in range(2):
        assert call.asked == "GET knock"
        call.answer(200, SESSION)
        call.answer(401)
    assert isinstance(call.error, SignInFailed)


def test_who_waits_and_goes_away_leaves_the_others_waiting(exchange: Exchange) -> None:
    first, second, third = Played(exchange), Played(exchange), Played(exchange)
    second.fail(asyncio.CancelledError())
    first.answer(200, SESSION)
    third.go_on()
    assert third.sent == {"Cookie": "JSESSIONID=one"}


def signed_in(exchange: Exchange) -> None:
    Played(exchange).answer(200, SESSION)


def test_of_calls_that_hear_that_the_session_is_gone_one_signs_in(exchange: Exchange) -> None:
    signed_in(exchange)
    calls = [Played(exchange) for _ in range(3)]
    for call in calls:
        call.answer(401)
    assert [("Authorization" in each.sent) if not each.waits else None for each in calls] == [True, None, None]
    calls[0].answer(200, ANOTHER)
    for call in calls[1:]:
        call.go_on()
        assert call.sent == {"Cookie": "JSESSIONID=two"}


def test_who_hears_of_it_late_goes_on_with_the_session_that_is_there_by_then(exchange: Exchange) -> None:
    signed_in(exchange)
    early, late = Played(exchange), Played(exchange)
    early.answer(401)
    early.answer(200, ANOTHER)
    late.answer(401)
    assert late.sent == {"Cookie": "JSESSIONID=two"}


def test_what_is_answered_late_to_a_session_that_is_gone_changes_nothing_of_the_one_that_is_there(
    exchange: Exchange,
) -> None:
    signed_in(exchange)
    early, late = Played(exchange), Played(exchange)
    early.answer(401)
    early.answer(200, ANOTHER)
    late.answer(200, ("Set-Cookie", "JSESSIONID=stale; Path=/"), ("Set-Cookie", "other=1; Path=/"))
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=two"}


def test_a_session_that_begins_after_the_end_of_its_exchange_is_closed() -> None:
    exchange = backend(closing=Logout("out")).exchange()
    exchange.open()
    call = Played(exchange)
    assert list(exchange.closing()) == []
    call.answer(200, SESSION)
    assert call.asked == "GET out"
    call.answer(200)
    assert call.result is not None
    assert isinstance(Played(exchange).error, ExchangeEnded)


def test_calls_beyond_the_limit_queue_up_in_order() -> None:
    exchange = backend(auth=None, limits=Limits(calls=1)).exchange()
    Played(exchange).answer(200)
    first, second, third = Played(exchange), Played(exchange), Played(exchange)
    assert second.waits
    assert third.waits
    second.fail(TimeoutError())
    assert isinstance(second.error, BackendBusy)
    first.answer(200)
    third.go_on()
    assert third.sent == {}


def test_room_that_was_given_to_one_who_goes_away_goes_to_the_next() -> None:
    exchange = backend(auth=None, limits=Limits(calls=1)).exchange()
    Played(exchange).answer(200)
    first, second, third = Played(exchange), Played(exchange), Played(exchange)
    first.answer(200)  # the room is the second's now, who has not heard of it
    second.fail(asyncio.CancelledError())
    third.go_on()
    assert third.sent == {}


def test_a_session_that_waits_for_room_holds_up_only_its_own_principal() -> None:
    erp = backend(limits=Limits(sessions=1))
    one, two = erp.exchange(), erp.exchange()
    signed_in(one)
    waiting, behind = Played(two), Played(two)
    assert waiting.waits
    assert behind.waits
    assert Played(one).sent == {"Cookie": "JSESSIONID=one"}
    waiting.fail(TimeoutError())
    assert isinstance(waiting.error, BackendBusy)
    one.open()
    list(one.closing())
    behind.go_on()
    assert behind.sent["Authorization"] is not None


def test_two_principals_never_wait_for_each_other_nor_share(exchange: Exchange) -> None:
    signed_in(exchange)
    bob = Played(exchange, headers={"Authorization": "Basic Ym9iOmJvYg=="})
    assert bob.sent == {"Authorization": "Basic Ym9iOmJvYg=="}
    bob.answer(200, ANOTHER)
    assert Played(exchange, headers={"Authorization": "Basic Ym9iOmJvYg=="}).sent == {
        "Cookie": "JSESSIONID=two",
        "Authorization": None,
    }
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=one"}


def test_a_copy_shares_what_was_there_before_it_and_nothing_later() -> None:
    before, after = backend().exchange(), backend().exchange()
    signed_in(before)
    assert Played(before.copy()).sent == {"Cookie": "JSESSIONID=one"}
    copy = after.copy()
    signed_in(after)
    assert "Authorization" in Played(copy).sent


def test_a_copy_of_what_has_not_begun_shares_nothing(exchange: Exchange) -> None:
    Played(exchange).fail(ConnectionError())
    one, other = Played(exchange), Played(exchange.copy())
    one.answer(200, SESSION)
    assert "Authorization" in other.sent


def test_a_shared_session_is_closed_with_the_last_who_shares_it() -> None:
    exchange = backend(closing=Logout("out")).exchange()
    exchange.open()
    signed_in(exchange)
    copy = exchange.copy()
    copy.open()
    assert list(exchange.closing()) == []
    assert [type(step).__name__ for step in copy.closing()] == ["Ask"]


@pytest.mark.parametrize(
    ("method", "replayable", "again"),
    [("GET", True, True), ("PUT", True, True), ("POST", True, True), ("POST", False, False), ("GET", False, False)],
)
def test_a_call_that_was_refused_goes_once_more_if_its_body_can(
    exchange: Exchange, method: str, replayable: bool, again: bool
) -> None:
    signed_in(exchange)
    call = Played(exchange, method, replayable=replayable)
    call.answer(401)
    if again:
        assert "Authorization" in call.sent
    else:
        assert isinstance(call.error, SessionLost)
        assert "Authorization" in Played(exchange).sent  # the next one signs in


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("PUT", True), ("DELETE", True), ("POST", False)])
def test_what_may_have_been_processed_goes_once_more_only_where_that_does_no_harm(method: str, again: bool) -> None:
    exchange = backend(lost=lambda answer: answer.status == 440).exchange()
    signed_in(exchange)
    call = Played(exchange, method)
    call.answer(440)
    assert ("Authorization" in call.sent) if again else isinstance(call.error, SessionLost)


def test_in_a_stateful_exchange_a_lost_session_is_an_error_for_good() -> None:
    erp = backend(stateful=True)
    exchange = erp.exchange()
    signed_in(exchange)
    first, second = Played(exchange), Played(exchange)
    first.answer(401)
    second.answer(200)
    assert isinstance(first.error, SessionLost)
    assert second.result is not None
    assert isinstance(Played(exchange).error, SessionLost)
    assert "Authorization" in Played(erp.exchange()).sent


def test_a_stateful_exchange_does_not_survive_that_the_back_end_begins_another_session() -> None:
    exchange = backend(stateful=True, auth=None).exchange()
    signed_in(exchange)
    Played(exchange).answer(200, ("Set-Cookie", "route=n1; Path=/"))
    Played(exchange).answer(200, SESSION)
    call = Played(exchange)
    call.answer(200, ANOTHER)
    assert isinstance(call.error, SessionLost)


def test_a_stateful_session_is_closed_though_its_cookie_is_taken_back() -> None:
    told: list[object] = []
    erp = backend(stateful=True, closing=Logout("out"))
    erp.listen(told.append)
    exchange = erp.exchange()
    exchange.open()
    signed_in(exchange)
    closing = exchange.closing()
    next(closing)
    with pytest.raises(StopIteration):
        closing.send(Response.of(200, "http://erp.example/out", [("Set-Cookie", "JSESSIONID=; Max-Age=0; Path=/")]))
    assert [getattr(event, "told", None) for event in told] == [None, "yes"]


def test_credentials_go_with_every_call_where_the_back_end_sets_no_cookie(exchange: Exchange) -> None:
    Played(exchange).answer(200)
    one, two = Played(exchange), Played(exchange)
    assert "Authorization" in one.sent
    assert "Authorization" in two.sent  # nobody waits for anybody
    one.answer(200, SESSION)
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=one"}


def test_a_back_end_whose_cookies_name_nobody_gets_credentials_with_every_call_in_the_end(exchange: Exchange) -> None:
    Played(exchange).answer(200, ("Set-Cookie", "route=n1; Path=/"))
    for _ in range(2):
        call = Played(exchange)
        assert "Authorization" not in call.sent
        call.answer(401)
        call.answer(200, ("Set-Cookie", "route=n1; Path=/"))
    call = Played(exchange)
    assert {"Authorization", "Cookie"} <= set(call.sent)


def test_a_session_that_idled_for_too_long_is_not_tried() -> None:
    clock = FakeClock()
    exchange = backend(clock=clock).exchange()
    signed_in(exchange)
    clock.advance(minutes=28)
    call = Played(exchange)
    assert "Cookie" in call.sent
    call.answer(200)
    clock.advance(minutes=30)
    assert "Authorization" in Played(exchange).sent


def test_another_origin_gets_nothing_of_ours(exchange: Exchange) -> None:
    signed_in(exchange)
    for url in (
        "http://erp.example.evil/",
        "https://erp.example/",
        "http://erp.example:81/",
        "http://evil/erp.example/",
    ):
        assert Played(exchange, url=url).sent == {}


def test_a_host_that_shares_the_cookies_gets_them_and_no_credentials() -> None:
    exchange = backend(hosts=["*.erp.example"]).exchange()
    Played(exchange).answer(200, ("Set-Cookie", "JSESSIONID=one; Domain=erp.example; Path=/"))
    call = Played(exchange, "POST", url="http://img.erp.example/")
    assert call.sent == {"Cookie": "JSESSIONID=one"}
    call.answer(401)  # of its own; it says nothing of our session
    assert call.result is not None
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=one"}


def test_with_the_first_identity_a_second_one_calls_in_its_session_and_that_is_told() -> None:
    told: list[str] = []
    erp: Backend = backend(identity="first")
    erp.listen(lambda event: told.append(type(event).__name__))
    exchange = erp.exchange()
    signed_in(exchange)
    bob = Played(exchange, headers={"Authorization": "Basic Ym9iOmJvYg=="})
    assert bob.sent == {"Cookie": "JSESSIONID=one", "Authorization": None}
    assert told == ["SignedIn", "PrincipalIgnored"]
