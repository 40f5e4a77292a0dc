"""Gates and claims under what Python itself may do at any moment: collect calls that nobody goes on with."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from tests.outbound.negotiation.played import Played, backend

from sojourn.errors import BackendBusy
from sojourn.outbound.keeping import gate as gates
from sojourn.outbound.keeping.gate import Gate, Pace
from sojourn.outbound.messages import Pause
from sojourn.testing import FakeClock


def abandoned(steps: Generator[Any, Any, Any]) -> None:
    """A call of a loop that was closed: it is in a cycle, and is found some time."""
    cycle: list[Any] = [steps]
    cycle.append(cycle)


def ends(act: Callable[[], object]) -> bool:
    """Whether it comes to an end, and does not wait for itself."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Garbage stays until the test has it collected."""
    gc.disable()
    yield
    gc.enable()


class Collecting:
    """A lock under which garbage is collected, as may be at any allocation."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock

    def __enter__(self) -> None:
        self.lock.acquire()
        gc.collect()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


@pytest.mark.usefixtures("uncollected")
def test_garbage_that_is_collected_while_somebody_enters_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Turn(Future[None]):
        def __init__(self) -> None:
            gc.collect()
            super().__init__()

    gate = Gate(1, "calls")

    def act() -> None:
        assert list(gate.enter(1)) == []
        waiting = gate.enter(1)
        next(waiting)
        abandoned(waiting)
        del waiting
        monkeypatch.setattr(gates, "Future", Turn)
        next(gate.enter(1))

    ended = ends(act)
    if not ended:
        gate._lock.release()  # or no garbage is collected in this process any more
    assert ended


@pytest.mark.usefixtures("uncollected")
def test_garbage_that_is_collected_while_somebody_claims_stops_nobody() -> None:
    exchange = backend().exchange()

    def act() -> None:
        signing_in = Played(exchange)
        [place] = exchange._share._places.values()
        abandoned(signing_in._steps)
        del signing_in
        place._lock = Collecting(place._lock)  # type: ignore[assignment]
        Played(exchange)

    ended = ends(act)
    if not ended:
        [place] = exchange._share._places.values()
        place._lock.lock.release()  # type: ignore[attr-defined]
    assert ended


def test_who_goes_away_before_its_time_takes_no_place_in_the_pace() -> None:
    pace = Pace(1, 1.0, FakeClock())
    assert list(pace.enter(60)) == []
    for _ in range(30):
        waiting = pace.enter(60)
        next(waiting)
        waiting.close()
    assert list(pace.enter(60)) == [Pause(1.0)]


def test_who_is_refused_takes_no_place_in_the_pace() -> None:
    clock = FakeClock()
    pace = Pace(1, 10.0, clock)
    assert list(pace.enter(0)) == []
    for _ in range(5):
        with pytest.raises(BackendBusy):
            list(pace.enter(5))
    assert list(pace.enter(60)) == [Pause(10.0)]


def test_a_start_that_was_given_back_and_is_over_is_nobodys() -> None:
    clock = FakeClock()
    pace = Pace(1, 1.0, clock)
    assert list(pace.enter(60)) == []
    waiting = pace.enter(60)
    next(waiting)
    waiting.close()
    clock.advance(seconds=10.0)
    assert list(pace.enter(60)) == []
    assert list(pace.enter(60)) == [Pause(1.0)]
