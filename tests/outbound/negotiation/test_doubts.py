"""A back end that refuses new sessions at their first use: whether it keeps any is in doubt, and not for ever."""

from __future__ import annotations

from typing import Any

from tests.outbound.negotiation.played import Played, backend

from sojourn.errors import SessionLost
from sojourn.outbound import Exchange
from sojourn.testing import FakeClock

CREDENTIALS = "Basic YWxpY2U6c2VjcmV0"


def doubtful(clock: FakeClock, refusals: int = 2) -> Exchange:
    """An exchange with a back end that has refused so many sessions in a row at their first use."""
    exchange = backend(clock=clock).exchange()
    exchange.open()
    begin(exchange, 0)
    for number in range(refusals):
        begin(exchange, number + 1, lost=True)
    return exchange


def begin(exchange: Exchange, number: int, *, lost: bool = False, **how: Any) -> None:
    """A call that begins a session. `lost`: the one before is refused first."""
    call = Played(exchange, **how)
    if lost:
        assert "Authorization" not in call.sent
        call.answer(401)
    assert call.sent["Authorization"] == CREDENTIALS
    call.answer(200, ("Set-Cookie", f"JSESSIONID={number}; Path=/"))
    assert call.error is None


def signed(exchange: Exchange, **how: Any) -> bool:
    """Whether a call carries credentials; all is well."""
    call = Played(exchange, **how)
    given = "Authorization" in call.sent
    call.answer(200)
    assert call.error is None
    return given


def test_each_call_signs_in_while_sessions_are_refused_at_their_first_use() -> None:
    exchange = doubtful(FakeClock())
    assert [signed(exchange) for _ in range(3)] == [True] * 3


def test_after_a_minute_a_cookie_alone_is_tried_once_more() -> None:
    clock = FakeClock()
    exchange = doubtful(clock)
    clock.advance(seconds=61.0)
    assert [signed(exchange) for _ in range(3)] == [True, False, False]


def test_one_refusal_is_enough_for_another_minute() -> None:
    clock = FakeClock()
    exchange = doubtful(clock)
    clock.advance(seconds=61.0)
    assert signed(exchange)
    begin(exchange, 9, lost=True)
    assert [signed(exchange) for _ in range(3)] == [True] * 3


def test_a_session_that_has_worked_ends_the_doubt() -> None:
    clock = FakeClock()
    exchange = doubtful(clock)
    clock.advance(seconds=61.0)
    assert [signed(exchange) for _ in range(2)] == [True, False]
    begin(exchange, 8, lost=True)
    begin(exchange, 9, lost=True)
    assert not signed(exchange)


def test_a_body_that_cannot_be_sent_twice_is_not_risked_in_doubt() -> None:
    exchange = doubtful(FakeClock(), refusals=1)
    assert signed(exchange, method="POST", replayable=False)
    assert not signed(exchange, method="POST")
    assert not signed(exchange, method="POST", replayable=False)  # it is proven by now


def test_without_a_doubt_it_goes_as_all_others_do() -> None:
    exchange = doubtful(FakeClock(), refusals=0)
    call = Played(exchange, "POST", replayable=False)
    assert "Authorization" not in call.sent
    call.answer(401)
    assert isinstance(call.error, SessionLost)
