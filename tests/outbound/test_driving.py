"""What drives a negotiation without an event loop."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from concurrent.futures import Future

import pytest

from sojourn.outbound.driving import drive
from sojourn.outbound.messages import Request, Response, Wait


class Nobody:
    def ask(self, request: Request) -> Response:
        raise AssertionError(request)


def waiting(future: Future[None]) -> Generator[Wait, None, None]:
    yield Wait(future, 0.01)


async def test_who_waits_for_another_in_an_event_loop_is_told_that_it_stands_still() -> None:
    with pytest.warns(RuntimeWarning, match=r"async with backend\.exchange"), pytest.raises(TimeoutError):
        drive(waiting(Future()), Nobody())


async def test_who_has_nobody_to_wait_for_there_is_told_nothing() -> None:
    done: Future[None] = Future()
    done.set_result(None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drive(waiting(done), Nobody())


def test_who_waits_in_a_thread_of_its_own_is_told_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TimeoutError):
            drive(waiting(Future()), Nobody())
