"""Who observes a back end is told of each call what came of it, and what it waited for."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from tests.outbound.negotiation.played import ANOTHER, SESSION, URL, Played, backend

from sojourn.errors import BackendBusy, ExchangeEnded, SessionLost, SignInFailed
from sojourn.outbound import Backend, Limits
from sojourn.outbound.events import SignedIn
from sojourn.testing import FakeClock

if TYPE_CHECKING:
    from sojourn.outbound.telling import Called

BOB = {"Authorization": "Basic Ym9iOmJvYg=="}
TOKEN = ("X-CSRF-Token", "t1")


def watched(**settings: object) -> tuple[Backend, list[Called]]:
    told: list[Called] = []
    erp = backend(**settings)
    erp.observe(told.append)
    return erp, told


def outcomes(told: list[Called]) -> list[str]:
    return [each.outcome for each in told]


def waits(told: list[Called]) -> list[str]:
    return [reason for each in told for reason, _ in each.waited]


# --- what came of it ---------------------------------------------------------------------------------------------


def test_a_call_is_told_when_it_has_been_answered_and_not_before() -> None:
    erp, told = watched()
    call = Played(erp.exchange())
    assert not told
    call.answer(404, SESSION)
    (called,) = told
    assert (called.outcome, called.waited) == ("answered", ())
    assert 0 < called.seconds < 60


def test_a_call_that_went_once_more_is_told_so() -> None:
    erp, told = watched()
    exchange = erp.exchange()
    Played(exchange).answer(200, SESSION)
    late = Played(exchange)
    late.answer(401)
    late.answer(200, ANOTHER)
    assert late.result is not None
    assert outcomes(told) == ["answered", "repeated"]


def test_a_call_whose_token_was_refused_is_told_to_have_gone_once_more() -> None:
    erp, told = watched(csrf=True)
    exchange = erp.exchange()
    call = Played(exchange, "POST")
    call.answer(200, SESSION, TOKEN)
    call.answer(403, ("X-CSRF-Token", "Required"))
    call.answer(200, ("X-CSRF-Token", "t2"))
    call.answer(201)
    assert outcomes(told) == ["repeated"]


def test_each_error_has_an_outcome_of_its_own() -> None:
    erp, told = watched(limits=Limits(calls=1))
    exchange = erp.exchange()
    exchange.open()
    Played(exchange).answer(200, SESSION)
    lost = Played(exchange, "POST", replayable=False)
    lost.answer(401)
    assert isinstance(lost.error, SessionLost)
    refused = Played(exchange)
    busy = Played(exchange)
    refused.answer(401)
    assert isinstance(refused.error, SignInFailed)
    busy.go_on()
    assert isinstance(busy.error, SignInFailed)
    Played(exchange).fail(ConnectionError())
    Played(exchange).fail(asyncio.CancelledError())
    list(exchange.closing())
    assert isinstance(Played(exchange).error, ExchangeEnded)
    assert outcomes(told) == ["answered", "lost", "refused", "refused", "failed", "cancelled", "ended"]


def test_a_call_that_its_driver_lets_go_is_cancelled() -> None:
    erp, told = watched()
    call = Played(erp.exchange())
    call._steps.close()
    assert outcomes(told) == ["cancelled"]


def test_what_goes_to_another_host_is_no_call_to_the_back_end() -> None:
    erp, told = watched()
    call = Played(erp.exchange(), url="http://elsewhere.example/")
    call.answer(200)
    assert call.result is not None
    assert not told


# --- what it waited for ------------------------------------------------------------------------------------------


def test_waiting_for_the_sign_in_of_another_is_told() -> None:
    erp, told = watched()
    exchange = erp.exchange()
    first, second = Played(exchange), Played(exchange)
    assert second.waits
    first.answer(200, SESSION)
    second.go_on()
    second.answer(200)
    assert [each.waited == () for each in told] == [True, False]
    assert waits(told) == ["sign-in"]
    assert all(0 <= seconds <= each.seconds for each in told for _, seconds in each.waited)


@pytest.mark.parametrize(
    ("reason", "settings"),
    [("calls", {"limits": Limits(calls=1)}), ("sequential", {"sequential": True})],
)
def test_waiting_for_room_for_a_call_is_told(reason: str, settings: dict[str, object]) -> None:
    erp, told = watched(**settings)
    exchange = erp.exchange()
    Played(exchange).answer(200, SESSION)
    first, second = Played(exchange), Played(exchange)
    assert second.waits
    first.answer(200)
    second.go_on()
    second.answer(200)
    assert waits(told) == [reason]


def test_waiting_in_vain_for_room_for_a_session_is_told() -> None:
    erp, told = watched(limits=Limits(sessions=1, patience=0.01))
    exchange = erp.exchange()
    first, crowded = Played(exchange), Played(exchange, headers=BOB)
    assert first.sent
    crowded.fail(TimeoutError())
    assert isinstance(crowded.error, BackendBusy)
    assert (outcomes(told), waits(told)) == (["busy"], ["sessions"])


def test_waiting_for_the_pace_is_told() -> None:
    erp, told = watched(limits=Limits(pace=(1, 60.0)))
    exchange = erp.exchange()
    Played(exchange).answer(200, SESSION)
    paced = Played(exchange)
    paced._go(lambda: paced._steps.send(None))
    paced.answer(200)
    assert waits(told) == ["pace"]


def test_how_many_wait_for_room_is_known() -> None:
    erp, _ = watched(limits=Limits(calls=1))
    exchange = erp.exchange()
    Played(exchange).answer(200, SESSION)
    calls = [Played(exchange) for _ in range(3)]
    assert erp.queued == 2
    for call in calls:
        call.fail(ConnectionError())
    assert erp.queued == 0
    assert backend().queued is None


# --- what is told of sign-ins ------------------------------------------------------------------------------------


def test_a_sign_in_tells_how_long_it_took() -> None:
    clock = FakeClock()
    erp = backend(clock=clock)
    told: list[SignedIn] = []
    erp.listen(told.append, SignedIn)  # type: ignore[arg-type]
    call = Played(erp.exchange())
    clock.advance(seconds=2)
    call.answer(200, SESSION)
    assert [each.seconds for each in told] == [2.0]


def test_a_clock_that_is_set_back_makes_no_sign_in_shorter_than_nothing() -> None:
    now = [1000.0]
    erp = backend(clock=lambda: now[0])
    told: list[SignedIn] = []
    erp.listen(told.append, SignedIn)  # type: ignore[arg-type]
    call = Played(erp.exchange())
    now[0] = 900.0
    call.answer(200, SESSION)
    assert [each.seconds for each in told] == [0.0]


# --- nobody suffers from it --------------------------------------------------------------------------------------


def test_an_observer_that_fails_harms_neither_the_call_nor_the_next_observer(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Called) -> None:
        raise SessionLost("an error that would mean something else")

    erp = backend()
    erp.observe(fails)
    told: list[Called] = []
    erp.observe(told.append)
    call = Played(erp.exchange())
    with caplog.at_level(logging.ERROR):
        call.answer(200, SESSION)
    assert call.result is not None
    assert outcomes(told) == ["answered"]
    assert "an observer failed on a call to a back end" in caplog.text


def test_where_nobody_observes_nothing_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise AssertionError("nobody asked for it")

    monkeypatch.setattr("sojourn.outbound.exchange.observed", refuses)
    call = Played(backend().exchange())
    call.answer(200, SESSION)
    assert call.result is not None
    erp, _ = watched()
    with pytest.raises(AssertionError, match="nobody asked"):  # or this test would notice nothing
        Played(erp.exchange())


def test_a_call_says_nothing_of_what_it_was() -> None:
    erp, told = watched()
    Played(erp.exchange(), path="orders/4711?secret=1").answer(200, SESSION)
    assert not [each for each in ("4711", "alice", "JSESSIONID", URL) if each in repr(told)]
