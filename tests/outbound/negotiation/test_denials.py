"""A back end may refuse a call by 401 that it refuses to this user for good: the session of all others stays."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from tests.outbound.negotiation.played import ANOTHER, SESSION, Played, backend

from sojourn.errors import SessionLost, SignInFailed
from sojourn.outbound import Auth, ClientCredentials, Exchange, Limits, Request, Response, SignInWith
from sojourn.outbound.messages import Wait
from sojourn.testing import FakeClock

TOKEN = ("X-CSRF-Token", "t1")
REQUIRED = ("X-CSRF-Token", "Required")
GRANT = b'{"access_token": "a", "token_type": "bearer", "expires_in": 3600}'


def signed_in(exchange: Exchange) -> None:
    """In a session that is known to be one."""
    Played(exchange).answer(200, SESSION)
    Played(exchange).answer(200)


def refuse(calls: list[Played]) -> int:
    """Answer 401 to all, step by step in turns, until they are over. How often the credentials were tried."""
    tries = 0
    while any(call.step for call in calls):
        for call in calls:
            if call.step is None or call.waits:
                continue
            if isinstance(call.step, Wait):
                call.go_on()
                continue
            tries += call.sent.get("Authorization") is not None
            call.answer(401)
    return tries


def knocking() -> Auth:
    def knock(url: str, now: float) -> Generator[Request, Response, dict[str, str]]:
        yield Request(method="GET", url=f"{url}knock")
        return {}

    return SignInWith(knock, identity="alice", secret="right")


def test_a_call_that_is_refused_by_whoever_signs_in_gets_that_answer_and_the_session_stays() -> None:
    erp = backend(limits=Limits(sessions=1))
    exchange = erp.exchange()
    signed_in(exchange)
    denied = Played(exchange, path="admin")
    denied.answer(401)
    assert denied.sent["Authorization"] is not None
    waiting = Played(exchange)
    denied.answer(401)
    assert denied.result is not None
    assert denied.result.status == 401
    waiting.go_on()
    assert waiting.sent == {"Cookie": "JSESSIONID=one"}
    waiting.answer(200)
    assert waiting.result is not None
    assert erp.rules.room is not None
    assert erp.rules.room._room == 0


def test_what_was_denied_a_moment_ago_disturbs_nobody() -> None:
    clock = FakeClock()
    exchange = backend(clock=clock).exchange()
    signed_in(exchange)
    calls = [Played(exchange, path=f"admin?{n}") for n in range(64)]
    calls[0].answer(401)
    calls[0].answer(401)
    for call in calls[1:]:
        call.answer(401)
        assert call.result is not None
    again = Played(exchange, path="admin")
    again.answer(401)
    assert again.result is not None
    clock.advance(seconds=61)  # the right may have been given, and the session gone
    later = Played(exchange, path="admin")
    later.answer(401)
    later.answer(200, ANOTHER)
    assert later.result is not None
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=two"}


def test_calls_that_are_denied_at_the_same_time_each_get_their_own_answer() -> None:
    exchange = backend().exchange()
    signed_in(exchange)
    one, other = Played(exchange, path="admin"), Played(exchange, path="audit")
    one.answer(401)
    other.answer(401)
    assert one.sent["Authorization"] is not None
    assert other.waits
    one.answer(401)
    other.go_on()  # the session may have been lost as well, so it is to be seen
    other.answer(401)
    assert other.sent["Authorization"] is not None
    other.answer(401)
    assert [each.result and each.result.status for each in (one, other)] == [401, 401]
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=one"}


@pytest.mark.parametrize("late", [False, True])
def test_whoever_may_do_what_it_asks_for_goes_on_meanwhile_in_the_same_session(late: bool) -> None:
    exchange = backend().exchange()
    signed_in(exchange)
    denied = [Played(exchange, path=path) for path in ("admin", "audit", "users")]
    early = Played(exchange)
    for call in denied:
        call.answer(401)
    if not late:
        early.answer(200)
    denied[0].answer(401)
    allowed = Played(exchange)
    assert allowed.sent == {"Cookie": "JSESSIONID=one"}
    refuse(denied)
    allowed.answer(200)
    if late:
        early.answer(200)
    assert [call.result and call.result.status for call in (*denied, early, allowed)] == [401, 401, 401, 200, 200]
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=one"}


def test_a_session_that_is_lost_while_a_call_is_denied_is_begun_anew_by_the_next_one() -> None:
    exchange = backend().exchange()
    signed_in(exchange)
    denied, allowed = Played(exchange, path="admin"), Played(exchange)
    denied.answer(401)
    allowed.answer(401)
    denied.answer(401)
    allowed.go_on()
    allowed.answer(401)
    allowed.answer(200, ANOTHER)
    assert denied.result is not None
    assert allowed.result is not None
    assert allowed.result.status == 200
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=two"}


def test_a_password_that_was_changed_meanwhile_is_tried_twice_at_most() -> None:
    exchange = backend().exchange()
    signed_in(exchange)
    calls = [Played(exchange, path=f"rows/{n}") for n in range(8)]
    assert refuse(calls) == 2
    assert [call.result and call.result.status for call in calls] == [401] * 8
    later = Played(exchange)
    later.answer(401)
    later.answer(401)
    assert isinstance(later.error, SignInFailed)


def test_a_denial_does_not_make_a_form_be_filled_in_for_each_call() -> None:
    exchange = backend(auth=knocking()).exchange()
    first = Played(exchange)
    first.answer(200, SESSION)
    first.answer(200)
    denied = Played(exchange, path="admin")
    denied.answer(401)
    for _ in range(2):  # the first may have been forgotten at once
        assert denied.asked == "GET knock"
        denied.answer(200, ANOTHER)
        denied.answer(401)
    assert denied.result is not None
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=two"}


def test_a_session_that_works_is_believed_in_again() -> None:
    exchange = backend(auth=knocking()).exchange()
    lost = Played(exchange, path="admin")
    for _ in range(2):
        lost.answer(200, SESSION)
        lost.answer(401)
    assert isinstance(lost.error, SignInFailed)
    call = Played(exchange)
    call.answer(200, SESSION)
    call.answer(200)
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=one"}


def test_a_token_call_that_is_denied_fails_its_own_call_alone() -> None:
    exchange = backend(csrf=True).exchange()
    signed_in(exchange)
    denied = Played(exchange, "POST", "admin")
    denied.answer(401)
    denied.answer(401)
    assert isinstance(denied.error, SignInFailed)
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=one"}


def test_an_access_token_that_is_refused_at_once_is_fetched_once_for_all_who_wait() -> None:
    auth = ClientCredentials("https://login.example/token", "client", "secret")
    exchange = backend(auth=auth).exchange()
    first, second = Played(exchange), Played(exchange)
    first.answer(200, body=GRANT)
    first.answer(401)
    assert isinstance(first.error, SignInFailed)
    second.go_on()
    assert isinstance(second.error, SignInFailed)


def test_an_access_token_that_was_kept_and_is_refused_is_fetched_anew() -> None:
    auth = ClientCredentials("https://login.example/token", "client", "secret")
    one, other = backend(auth=auth).exchange(), backend(auth=auth).exchange()
    first = Played(one)
    first.answer(200, body=GRANT)
    first.answer(200, SESSION)
    call = Played(other)
    assert call.sent["Authorization"] is not None
    call.answer(401)
    call.answer(200, body=GRANT)
    call.answer(200, SESSION)
    assert call.result is not None
    assert call.result.status == 200


def test_a_body_that_can_be_sent_once_is_not_sent_again_when_its_token_is_refused_and_the_session_gone() -> None:
    exchange = backend(csrf=True).exchange()
    call = Played(exchange, "POST", "orders")
    call.answer(200, SESSION, TOKEN)
    call.answer(201)
    call = Played(exchange, "POST", "orders", replayable=False)
    call.answer(403, REQUIRED)
    assert call.result is not None
    assert call.result.status == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stateful_exchange_takes_a_denial_for_a_loss(method: str) -> None:
    exchange = backend(stateful=True).exchange()
    signed_in(exchange)
    call = Played(exchange, method, "admin")
    call.answer(401)
    assert isinstance(call.error, SessionLost)
