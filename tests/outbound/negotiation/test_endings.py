"""However a session ends, its room is free again, once, and nobody waits for what does not come."""

from __future__ import annotations

import asyncio

import pytest
from tests.outbound.negotiation.played import ANOTHER, SESSION, Played, backend

from sojourn.errors import BackendBusy, ExchangeEnded
from sojourn.outbound import Backend, Basic, LastCall, Limits, Logout
from sojourn.outbound.messages import Ask, Response
from sojourn.testing import FakeClock

TOKEN = ("X-CSRF-Token", "t1")
BOB = {"Authorization": "Basic Ym9iOmJvYg=="}
FAILURES = [ConnectionError(), asyncio.CancelledError()]


def limited(sessions: int = 1, **settings: object) -> Backend:
    return backend(limits=Limits(sessions=sessions), **settings)


def room_of(erp: Backend) -> int:
    room = erp.rules.room
    assert room is not None
    return room._room


@pytest.mark.parametrize("error", FAILURES)
def test_a_call_of_its_own_session_that_fails_after_its_token_frees_the_room(error: BaseException) -> None:
    erp = limited(reuse="none", csrf=True)
    call = Played(erp.exchange(), "POST")
    call.answer(200, SESSION, TOKEN)
    call.fail(error)
    assert call.error is error
    assert room_of(erp) == 1


@pytest.mark.parametrize("error", FAILURES)
def test_a_session_that_began_after_the_end_of_its_exchange_frees_its_room_when_the_call_fails(
    error: BaseException,
) -> None:
    erp = limited(csrf=True)
    exchange = erp.exchange()
    exchange.open()
    call = Played(exchange, "POST")
    list(exchange.closing())
    call.answer(200, SESSION, TOKEN)
    call.fail(error)
    assert call.error is error
    assert room_of(erp) == 1


def test_calls_that_outlive_their_exchange_sign_out_once() -> None:
    erp = limited(closing=Logout("out"))
    exchange = erp.exchange()
    exchange.open()
    Played(exchange).answer(200, SESSION)
    calls = [Played(exchange) for _ in range(3)]
    assert [type(step) for step in exchange.closing()] == [Ask]
    for call in calls:
        call.answer(200)
        assert call.result is not None
    assert room_of(erp) == 1


def test_a_sign_out_that_is_cancelled_ends_the_sessions_of_the_others_of_the_exchange_too() -> None:
    erp = limited(2, closing=Logout("out"))
    exchange = erp.exchange()
    exchange.open()
    Played(exchange).answer(200, SESSION)
    Played(exchange, headers=BOB).answer(200, ANOTHER)
    closing = exchange.closing()
    next(closing)
    with pytest.raises(asyncio.CancelledError):
        closing.throw(asyncio.CancelledError())
    assert room_of(erp) == 2


def test_an_exchange_that_has_ended_takes_no_new_principal_in() -> None:
    exchange = limited().exchange()
    exchange.open()
    list(exchange.closing())
    assert isinstance(Played(exchange).error, ExchangeEnded)
    assert isinstance(Played(exchange, headers=BOB).error, ExchangeEnded)


@pytest.mark.parametrize("error", [None, *FAILURES])
def test_a_session_that_begins_when_its_place_was_given_to_another_makes_room(error: BaseException | None) -> None:
    erp = limited(reuse="flow", closing=Logout("out"))
    exchange = erp.exchange()
    alice, bob = Played(exchange), Played(exchange, headers=BOB)
    assert bob.waits
    if error is None:
        alice.answer(200, SESSION)
        assert alice.asked == "GET out"
        alice.answer(200)
        assert alice.result is not None
        assert alice.result.url.endswith("rows")
    else:
        alice.fail(error)
    bob.go_on()
    assert bob.sent == BOB
    bob.answer(200, ANOTHER)
    assert room_of(erp) == 0


def test_no_session_is_closed_under_a_call_to_make_room_for_another() -> None:
    erp = limited(reuse="flow", closing=Logout("out"))
    exchange = erp.exchange()
    Played(exchange).answer(200, SESSION)
    slow, quick = Played(exchange), Played(exchange)
    bob = Played(exchange, headers=BOB)
    assert bob.waits
    quick.answer(200)
    assert quick.result is not None
    slow.answer(200)
    assert slow.asked == "GET out"  # with the last call in it
    slow.answer(200)
    bob.go_on()
    assert bob.sent == BOB


def test_users_that_take_the_room_of_each_other_in_turn_never_take_more() -> None:
    erp = limited(2, reuse="user", closing=Logout("out"))
    names = [f"user{n % 5}" for n in range(60)]
    for nth, name in enumerate(names):
        call = Played(erp.exchange(user=name))
        for _ in range(3):
            if call.result is None:
                call.answer(200, ("Set-Cookie", f"JSESSIONID={nth}; Path=/"))
        assert call.result is not None
        assert room_of(erp) in (0, 1)
    assert len(list(erp._ending())) == 2
    assert room_of(erp) == 2


def test_who_is_forgotten_while_signing_in_is_signed_out_when_that_is_done() -> None:
    erp = limited(reuse="user", closing=Logout("out"))
    call = Played(erp.exchange(user="u1"))
    assert list(erp.forgetting("u1")) == []
    call.answer(200, SESSION)
    assert call.asked == "GET out"
    call.answer(200)
    assert room_of(erp) == 1


def test_who_has_waited_for_a_session_of_somebody_forgotten_begins_none() -> None:
    erp = backend(reuse="user", closing=Logout("out"))
    first, second = (Played(erp.exchange(user="her")) for _ in range(2))
    assert list(erp.forgetting("her")) == []
    first.fail(ConnectionError())
    second.go_on()
    assert isinstance(second.error, ExchangeEnded)


def test_a_session_that_cannot_even_be_made_leaves_the_others_their_turn() -> None:
    times = iter([OverflowError()])

    def clock() -> float:
        for error in times:
            raise error
        return 0.0

    erp = limited(clock=clock)
    exchange = erp.exchange()
    assert isinstance(Played(exchange).error, OverflowError)
    second = Played(exchange)
    assert second.sent["Authorization"] is not None
    assert room_of(erp) == 0
    second.fail(ConnectionError())
    assert room_of(erp) == 1


def test_a_last_call_that_is_told_by_its_header_is_not_told_again() -> None:
    erp = limited(reuse="none", closing=LastCall())
    call = Played(erp.exchange())
    assert call.sent["x-os-session-keep-alive"] == "false"
    call.answer(200, SESSION)
    assert call.result is not None
    assert room_of(erp) == 1


def test_an_exchange_that_is_entered_by_both_kinds_of_clients_ends_with_the_last_of_them() -> None:
    erp = limited()
    exchange = erp.exchange()

    async def enter() -> None:
        async with exchange:
            with exchange:
                Played(exchange).answer(200, SESSION)
            assert room_of(erp) == 0

    asyncio.run(enter())
    assert room_of(erp) == 1


def test_an_exchange_that_is_entered_in_two_event_loops_has_a_client_for_each() -> None:
    exchange = backend().exchange()
    one, two = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        clients = [loop.run_until_complete(exchange.__aenter__()) for loop in (one, two)]
        assert clients[0] is not clients[1]
        one.run_until_complete(exchange.__aexit__(None, None, None))
        assert [client.is_closed for client in clients] == [True, False]
        two.run_until_complete(exchange.__aexit__(None, None, None))
        assert clients[1].is_closed
    finally:
        one.close()
        two.close()


def test_a_copy_of_what_has_ended_begins_anew() -> None:
    exchange = backend().exchange()
    exchange.open()
    Played(exchange).answer(200, SESSION)
    list(exchange.closing())
    assert "Authorization" in Played(exchange.copy()).sent


def test_the_session_that_a_call_was_refused_in_is_given_up_once_by_all_who_hear_of_it() -> None:
    erp = limited(3)
    exchange = erp.exchange()
    Played(exchange).answer(200, SESSION)
    calls = [Played(exchange) for _ in range(8)]
    for call in calls:
        call.answer(401)
    for call in calls:
        if call.waits or not hasattr(call.step, "headers"):
            continue
        call.answer(200, ANOTHER)
    assert room_of(erp) == 2
    assert isinstance(calls[0].result, Response)


def test_an_auth_given_by_name_is_the_same_principal_in_each_exchange() -> None:
    erp = limited(reuse="flow", auth=None)
    one = Played(erp.exchange(auth=Basic("bob", "bob")))
    other = Played(erp.exchange(), headers=BOB)
    assert "Authorization" in one.sent
    assert other.waits


def test_who_waits_for_room_for_a_session_takes_no_turn_from_those_who_have_one() -> None:
    erp = backend(limits=Limits(sessions=1, calls=1))
    one, two = erp.exchange(), erp.exchange()
    one.open()
    Played(one).answer(200, SESSION)
    waiting = Played(two)
    assert waiting.waits
    call = Played(one)
    assert call.sent == {"Cookie": "JSESSIONID=one"}
    call.answer(200)
    list(one.closing())
    waiting.go_on()
    assert waiting.sent["Authorization"] is not None


def test_who_waits_for_a_turn_goes_with_the_session_that_is_there_by_then() -> None:
    exchange = backend(sequential=True).exchange()
    Played(exchange).answer(200, SESSION)
    first, second = Played(exchange), Played(exchange)
    assert second.waits
    first.answer(401)
    second.go_on()  # the turn is its own now, and the session is gone
    assert second.waits
    first.go_on()
    first.answer(200, ANOTHER)
    second.go_on()
    assert second.sent == {"Cookie": "JSESSIONID=two"}


def test_a_sign_in_that_finds_no_turn_is_left_to_the_next() -> None:
    erp = backend(limits=Limits(sessions=1, calls=1))
    exchange = erp.exchange()
    other = Played(exchange, url="http://elsewhere.example/")
    other.answer(200)
    first = Played(erp.exchange().signed_in_as(Basic("bob", "bob")))
    assert first.sent["Authorization"] is not None
    second = Played(exchange)
    assert second.waits  # for room
    first.fail(ConnectionError())
    second.go_on()
    assert second.sent["Authorization"] is not None
    third = Played(exchange)
    second.fail(asyncio.CancelledError())
    third.go_on()
    assert third.sent["Authorization"] is not None


def test_nobody_waits_for_the_sign_in_of_another_for_longer_than_for_room() -> None:
    exchange = backend(limits=Limits(patience=5), clock=FakeClock()).exchange()
    first, second = Played(exchange), Played(exchange)
    assert second.step.seconds == 5
    second.fail(TimeoutError())
    assert isinstance(second.error, BackendBusy)
    first.answer(200, SESSION)
    assert Played(exchange).sent == {"Cookie": "JSESSIONID=one"}
