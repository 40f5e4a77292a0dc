"""The back end forgets the session, its token, or all of them, at every possible moment of a sequence of calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sojourn.errors import SessionLost
from sojourn.outbound import Backend, Fetched, Logout
from sojourn.testing import Behaviour, FakeBackend, Fault

LOST, CUT = "lost", "cut"

METHODS = st.sampled_from(["GET", "PUT", "POST", "POST once", "PATCH", "DELETE"])
FAULTS = st.builds(
    Fault,
    do=st.sampled_from(["forget", "forget-all", "forget-token", "cut"]),
    at=st.sampled_from(["arrival", "admitted", "processed"]),
    nth=st.integers(1, 8),
)


@dataclass(frozen=True)
class Done:
    """What became of a call: a status, `LOST` or `CUT`."""

    method: str
    body: str
    outcome: int | str


@pytest.fixture(scope="module")
def running() -> Iterator[FakeBackend]:
    with FakeBackend() as fake:
        yield fake


def sequence(fake: FakeBackend, methods: list[str], *, stateful: bool) -> list[Done]:
    erp = Backend(
        fake.url,
        reuse="exchange",
        auth=("alice", fake.password_of("alice")),
        csrf=fake.behaviour.csrf is not None and Fetched(path="/rows"),  # so that calls to /orders are all its own
        stateful=stateful,
        closing=Logout(),
    )
    done = []
    with erp.exchange() as http:
        for number, kind in enumerate(methods):
            method, _, once = kind.partition(" ")
            body = f"order {number}"
            content = iter([body.encode()]) if once else body.encode()
            try:
                outcome: int | str = http.request(method, "orders", content=content).status_code
            except SessionLost:
                outcome = LOST
            except httpx2.TransportError:
                outcome = CUT
            done.append(Done(kind, body, outcome))
    return done


def check_effects(fake: FakeBackend, done: list[Done]) -> None:
    """What was answered as done was done once; what came to nothing, once at most."""
    made = [order.body for order in fake.orders()]
    assert len(made) == len(set(made)), "an order was made twice"
    for call in done:
        if call.method != "GET" and isinstance(call.outcome, int):
            assert (call.outcome < 300) is (call.body in made), call
        if call.outcome == LOST:
            assert call.body not in made, call


@given(methods=st.lists(METHODS, min_size=1, max_size=6), faults=st.lists(FAULTS, max_size=3), csrf=st.booleans())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_done_twice_and_what_can_be_sent_again_gets_through(
    running: FakeBackend, methods: list[str], faults: list[Fault], csrf: bool
) -> None:
    running.reset(Behaviour(csrf="fetch" if csrf else None))
    for fault in faults:
        running.plan(fault)
    done = sequence(running, methods, stateful=False)
    check_effects(running, done)
    cuts = sum(fault.do == "cut" for fault in faults)
    allowed: set[int | str] = {200, 201, CUT}
    if sum(fault.do == "forget-token" for fault in faults) > 1:
        allowed.add(403)  # it is fetched anew once
    if sum(fault.do in ("forget", "forget-all") for fault in faults) > 2:
        allowed.add(LOST)  # it is renewed twice
    for call in done:
        if call.method == "POST once":
            assert call.outcome in (201, 403, LOST, CUT)  # its body was gone when a new session or token was there
        else:
            assert call.outcome in allowed, call
    assert sum(call.outcome == CUT for call in done) <= cuts
    assert running.counts().doubled == 0


@given(methods=st.lists(METHODS, min_size=1, max_size=6), faults=st.lists(FAULTS, max_size=3), csrf=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stateful_exchange_is_of_one_session_to_its_end_or_to_its_loss(
    running: FakeBackend, methods: list[str], faults: list[Fault], csrf: bool
) -> None:
    running.reset(Behaviour(csrf="fetch" if csrf else None))
    for fault in faults:
        running.plan(fault)
    done = sequence(running, methods, stateful=True)
    check_effects(running, done)
    outcomes = [call.outcome for call in done]
    if LOST in outcomes:
        assert set(outcomes[outcomes.index(LOST) :]) == {LOST}
    if CUT not in outcomes:  # of a session that began in an answer that never came, the client knows nothing
        answered = {
            seen.session
            for seen in running.seen()
            if seen.path == "/orders" and seen.status < 300 and seen.method != "HEAD"
        }
        assert len(answered) <= 1, "one exchange was answered from two sessions"
