"""What listeners are told that a call carries, and of whom a session is."""

from __future__ import annotations

from tests.outbound.negotiation.played import SESSION, Played, backend

from sojourn.core.events import Event
from sojourn.outbound import Fetched, Form, Logout
from sojourn.outbound.events import CallSent, SessionClosed, SignedIn

PAGE = b'<form method="post" action="/login"><input name="user"><input name="password" type="password"></form>'


def carried(told: list[Event]) -> list[tuple[str, bool, bool]]:
    return [(event.method, event.credentials, event.token) for event in told if isinstance(event, CallSent)]


def test_a_token_is_told_whatever_its_header_is_called() -> None:
    erp, told = backend(csrf=Fetched("X-Guard")), list[Event]()
    erp.listen(told.append, CallSent)
    call = Played(erp.exchange(), "POST")
    call.answer(200, SESSION, ("X-Guard", "t1"))
    call.answer(201)
    assert carried(told) == [("HEAD", True, False), ("POST", False, True)]


def test_a_password_in_a_form_is_told() -> None:
    form = Form("/login", {"user": "alice", "password": "secret"}, identity="alice")
    erp, told = backend(auth=form), list[Event]()
    erp.listen(told.append, CallSent)
    call = Played(erp.exchange())
    call.answer(200, ("Content-Type", "text/html"), body=PAGE)
    call.answer(303, SESSION, ("Location", "/"))
    assert carried(told)[:2] == [("GET", False, False), ("POST", True, False)]


def test_who_is_nobody_and_gets_no_cookie_has_no_session_to_begin_or_close() -> None:
    erp, told = backend(auth=None, closing=Logout("out")), list[Event]()
    erp.listen(told.append, SignedIn, SessionClosed)
    exchange = erp.exchange()
    exchange.open()
    call = Played(exchange)
    call.answer(200)
    assert call.error is None
    assert list(exchange.closing()) == []
    assert told == []
