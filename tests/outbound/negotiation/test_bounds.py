"""A call costs so many requests at most, whatever the back end answers."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from tests.outbound.negotiation.played import SESSION, Played, backend

from sojourn.errors import SignInFailed
from sojourn.outbound import Form, Request, Response, SignInWith
from sojourn.outbound.messages import Ask

LOGIN = b"<form method=post action=in><input name=user><input name=password type=password></form>"
PAGE = ("Content-Type", "text/html")


class Maze:
    """A back end that sends whoever asks for something so many times to elsewhere, and forgets each session."""

    def __init__(self, redirects: int) -> None:
        self.redirects = redirects
        self.requests = 0
        self.outdated = True

    def play(self, call: Played) -> None:
        """Until it is over."""
        while call.step is not None:
            if isinstance(call.step, Ask):
                self.answer(call)
            else:
                call.answer(401)

    def answer(self, call: Played) -> None:
        method, path = call.asked.split(" ")
        self.requests += 1
        nth = int(path.partition("?")[2] or 0) + 1
        if path == "in" and self.outdated:
            self.outdated = False
            call.answer(419)
        elif nth <= self.redirects:
            call.answer(302, ("Location", f"/{path.partition('?')[0]}?{nth}"))
        elif path.startswith("login"):
            call.answer(200, PAGE, body=LOGIN)
        else:
            self.outdated = self.outdated or method == "GET"
            call.answer(200, SESSION, *([("X-CSRF-Token", f"t{self.requests}")] if method == "GET" else []))


@pytest.fixture
def call() -> Played:
    auth = Form("/login", {"user": "alice", "password": "s3cret"}, identity="alice")
    return Played(backend(auth=auth, csrf=True).exchange(), "POST", "orders")


@pytest.mark.parametrize("redirects", [9, 10])
def test_a_back_end_that_redirects_at_every_step_is_asked_fifty_times_and_no_more(call: Played, redirects: int) -> None:
    maze = Maze(redirects)
    maze.play(call)
    assert maze.requests == 50
    assert isinstance(call.error, SignInFailed)
    assert (
        str(call.error) == "http://erp.example/ asks for more than 50 requests before a call; see where it redirects to"
    )


def test_the_longest_way_that_is_usual_is_shorter(call: Played) -> None:
    maze = Maze(2)
    maze.play(call)
    assert 30 < maze.requests < 50
    assert call.result is not None
    assert call.result.status == 401


def test_who_waits_meanwhile_does_not_go_the_same_way_for_nothing() -> None:
    def again(url: str, now: float) -> Generator[Request, Response, dict[str, str]]:
        while True:
            yield Request(method="GET", url=url)

    exchange = backend(auth=SignInWith(again, identity="alice", secret="s3cret")).exchange()
    first, second = Played(exchange), Played(exchange)
    for _ in range(50):
        first.answer(200)
    second.go_on()
    assert [str(call.error) for call in (first, second)] == [str(first.error)] * 2
    assert isinstance(second.error, SignInFailed)
