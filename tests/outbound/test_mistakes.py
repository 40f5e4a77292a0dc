"""Settings that cannot work: each is refused when it is given, in one line that names it and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sojourn.core.events import SessionEnded
from sojourn.errors import SettingError
from sojourn.outbound import Backend, Basic, DoubleSubmit, Limits, Logout
from sojourn.outbound.events import BackendEvent

URL = "https://erp.example/"


def settings(**given: Any) -> Callable[[], object]:
    return lambda: Backend(**{"url": URL, **given})


def limits(**given: Any) -> Callable[[], object]:
    return lambda: Limits(**given)


def listen(*given: Any) -> Callable[[], object]:
    return lambda: Backend(URL).listen(*given)


def exchange(**given: Any) -> Callable[[], object]:
    return lambda: Backend(URL).exchange(**given)


def signed_in_as(given: Any) -> Callable[[], object]:
    return lambda: Backend(URL).exchange().signed_in_as(given)


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "no scheme": (
        settings(url="erp.example.com/api"),
        "Backend(url): give an address with its scheme, such as https://",
    ),
    "no scheme, and a port": (settings(url="localhost:8080"), "Backend(url): give an address with its scheme"),
    "nothing": (settings(url=None), "Backend(url): give an address with its scheme"),
    "a user in the address": (settings(url="https://a:b@erp.example/"), "Backend(url): leave out user and query; give"),
    "a query in the address": (settings(url=URL + "?sap-client=100"), "Backend(url): leave out user and query"),
    "a list for a pair": (settings(auth=["alice", "secret"]), "Backend(auth): give a pair (user, password), or what"),
    "three for a pair": (settings(auth=("alice", "secret", "x")), "Backend(auth): give a pair"),
    "text for a pair": (settings(auth="alice:secret"), "Backend(auth): give a pair"),
    "a class that signs in": (settings(auth=Basic), "Backend(auth): give a pair"),
    "a password that is unset": (settings(auth=("alice", None)), "Basic(password): give text"),
    "text for a principal": (exchange(auth="alice:secret"), "exchange(auth): give a pair"),
    "text for another": (signed_in_as("alice:secret"), "signed_in_as(auth): give a pair"),
    "the name of a dialect": (settings(csrf="fetch"), "Backend(csrf=…): give True for SAP's tokens, or a dialect"),
    "a class for a dialect": (settings(csrf=DoubleSubmit), "Backend(csrf=…): give True"),
    "a path for a sign-out": (settings(closing="logout"), "Backend(closing=…): give Logout('logout'), LastCall()"),
    "a class for a sign-out": (settings(closing=Logout), "Backend(closing=…): give Logout('logout')"),
    "a status for a rule": (settings(lost=401), "Backend(lost=…): give a function that takes a Response"),
    "a clock that stands": (settings(clock=5), "Backend(clock=…): give a function"),
    "no time at all": (settings(idle=0), "Backend(idle=…): give a number of seconds above 0"),
    "a duration": (settings(idle=timedelta(minutes=20)), "Backend(idle=…): give a number of seconds"),
    "a number for limits": (settings(limits=20), "Backend(limits=…): give Limits(calls=20)"),
    "pairs for domains": (settings(jar=[("a.example", "b.example")]), "Backend(jar=…): give Jar(domains=…), or"),
    "text for a key": (settings(key="secret"), "Backend(key=…): give bytes"),
    "no expression": (settings(session_cookie="*SESSION"), "Backend(session_cookie=…): give a regular expression"),
    "a limit of none": (limits(calls=0), "Limits(calls=0): give a whole number from 1 on, or None"),
    "a limit as text": (limits(sessions="20"), "Limits(sessions='20'): give a whole number"),
    "a pace without a time": (limits(pace=50), "Limits(pace=50): give a number of calls and seconds, as in (50, 1.0)"),
    "a pace of no time": (limits(pace=(50, 0)), "Limits(pace=(50, 0)): give a number of calls"),
    "a pace as text": (limits(pace=("50", 1)), "Limits(pace=('50', 1)): give a number of calls"),
    "less than no patience": (limits(patience=-1), "Limits(patience=-1): give a number of seconds"),
    "a listener that is none": (listen("log"), "backend.listen(…): give what is called with events, then kinds of"),
    "a kind before its listener": (listen(BackendEvent, print), "backend.listen(…): give what is called with events"),
    "an event of visitors": (listen(print, SessionEnded), "then kinds of outbound.events"),
}


@pytest.mark.parametrize(("act", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_when_it_is_made(act: Callable[[], object], told: str) -> None:
    with pytest.raises(SettingError) as caught:
        act()
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
