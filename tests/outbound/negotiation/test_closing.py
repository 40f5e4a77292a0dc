"""A session is closed by a call of the session's own: with its cookie, and with its token where that is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from tests.outbound.negotiation.played import SESSION, URL, Played, backend

from sojourn.outbound import DoubleSubmit, Exchange, Logout
from sojourn.outbound.events import SessionClosed
from sojourn.outbound.messages import Response

TOKEN = ("X-CSRF-Token", "t1")


def signed_in(*headers: tuple[str, str], method: str = "GET", **settings: Any) -> Exchange:
    exchange = backend(**settings).exchange()
    exchange.open()
    call = Played(exchange, method)
    call.answer(200, SESSION, *headers)
    if call.step is not None:
        call.answer(201)
    return exchange


def test_signing_out_by_a_method_that_changes_something_carries_the_token() -> None:
    exchange = signed_in(TOKEN, method="POST", csrf=True, closing=Logout("out", method="POST"))
    (step,) = exchange.closing()
    assert dict(step.request.headers) == {"Cookie": "JSESSIONID=one", "X-CSRF-Token": "t1"}


def test_a_token_of_a_cookie_is_there_for_signing_out_where_no_call_has_needed_one() -> None:
    token = ("Set-Cookie", "csrftoken=abc")
    exchange = signed_in(token, csrf=DoubleSubmit(), closing=Logout("out", method="POST"))
    (step,) = exchange.closing()
    assert dict(step.request.headers)["X-CSRFToken"] == "abc"


def test_a_token_is_fetched_for_signing_out_where_there_is_none() -> None:
    steps = signed_in(csrf=True, closing=Logout("out", method="POST")).closing()
    assert next(steps).request.method == "HEAD"
    step = steps.send(Response.of(200, f"{URL}out", [TOKEN]))
    assert (step.request.method, step.request.url) == ("POST", f"{URL}out")
    assert dict(step.request.headers)["X-CSRF-Token"] == "t1"


@pytest.mark.parametrize("closing", [Logout("out"), Logout("http://other.example/out", method="POST")])
def test_the_token_goes_with_no_call_that_is_safe_and_to_no_other_origin(closing: Logout) -> None:
    exchange = signed_in(TOKEN, method="POST", csrf=True, closing=closing)
    (step,) = exchange.closing()
    assert "X-CSRF-Token" not in dict(step.request.headers)


@pytest.mark.parametrize(
    ("status", "told"), [(200, "yes"), (302, "yes"), (401, "yes"), (403, "failed"), (404, "failed")]
)
def test_that_the_back_end_did_not_close_it_is_told(status: int, told: str) -> None:
    exchange = signed_in(closing=Logout("out"))
    heard: list[Any] = []
    exchange.backend.listen(heard.append, SessionClosed)
    steps = exchange.closing()
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(Response.of(status, f"{URL}out"))
    assert [event.told for event in heard] == [told]
