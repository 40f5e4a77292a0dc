"""Visit: one door of a running application, tried from both sides."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.applications import behind
from tests.applications.application import Door
from tests.applications.visitor import Visitor

__all__ = ["CHECKS", "OUTSIDE", "Check", "visit"]

CHECKS = {
    "stranger": "refuses a stranger",
    "sign-in": "signs in",
    "cookie": "has the session in the cookie that it should",
    "new id": "gives it a new value at the sign-in, where the session learns of one, by the framework or an attribute",
    "workers": "knows the visitor in both of its processes",
    "stored": "keeps the session in our store",
    "restart": "knows the visitor after a restart",
    "ended": "signs out whose session was ended from outside",
    "sign-out": "signs out",
    "replay": "refuses the cookies of before the sign-out",
}
OUTSIDE = {"stored", "ended"}
"""Those that only our store can be asked for."""

REQUESTS = 8  # so that either of two processes answers some of them
BOUND = 10.0  # seconds until an end has to be seen everywhere

Serve = Callable[[], AbstractContextManager[str]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """What came of one of `CHECKS`."""

    name: str
    passed: bool
    found: str = ""
    """What was found instead."""


def visit(door: Door, cookie: str, serve: Serve, store: str | None, *, renews: bool) -> list[Check]:
    """Go in and out by `door`.

    `cookie`: the name of the session's. `store`: where ours are; None before the move. `renews`: whether a sign-in is
    to give a new id.
    """
    trial = _Trial(door, cookie, store, renews=renews)
    with serve() as url:
        trial.come(url)
    with serve() as url:
        trial.go(url)
    return trial.checks


class _Trial:
    def __init__(self, door: Door, cookie: str, store: str | None, *, renews: bool) -> None:
        self.checks: list[Check] = []
        self._door = door
        self._cookie = cookie
        self._store = store
        self._renews = renews
        self._visitor = Visitor("")

    def come(self, url: str) -> None:
        """From a stranger to a visitor who is signed in."""
        self._visitor = visitor = Visitor(url)
        seen = self._sees(visitor)
        self._note("stranger", not seen, f"the page shows {self._door.mark!r}")
        before = self._signed_in()
        self._note("sign-in", self._sees(visitor), self._found(visitor))
        value = visitor.value(self._cookie)
        self._note("cookie", value is not None, f"there is no cookie {self._cookie}")
        if self._renews:
            self._note("new id", value != before, "it is as it was")
        times = sum(self._sees(visitor) for _ in range(REQUESTS))
        self._note("workers", times == REQUESTS, f"signed in {times} of {REQUESTS} times")
        if self._store is not None:
            sessions, _ = behind.count(self._store)
            self._note("stored", sessions > 0, "the store is empty")

    def go(self, url: str) -> None:
        """The same application, started anew."""
        visitor = self._visitor
        visitor.url = url
        self._note("restart", self._sees(visitor), self._found(visitor))
        if self._store is not None:
            ended = behind.end_all(self._store)
            self._note("ended", ended > 0 and self._loses(visitor), f"signed in after the end of {ended} sessions")
            self._signed_in()
        old = visitor.copy()
        was_in = self._sees(old)
        if self._door.out_method == "GET":
            visitor.get(self._door.out)
        else:
            visitor.send(self._door.out_page or self._door.page, {}, action=self._door.out)
        self._note(
            "sign-out", was_in and not self._sees(visitor), "signed in afterwards" if was_in else "was not signed in"
        )
        self._note("replay", was_in and self._loses(old), "they are signed in" if was_in else "was not signed in")

    def _signed_in(self) -> str | None:
        """Sign in; the value of the session's cookie when the form was seen."""
        self._visitor.get(self._door.form)
        before = self._visitor.value(self._cookie)
        self._visitor.send(self._door.form, dict(self._door.fields))
        return before

    def _sees(self, visitor: Visitor) -> bool:
        answer = visitor.get(self._door.page)
        return answer.status == 200 and self._door.mark in answer.text

    def _loses(self, visitor: Visitor) -> bool:
        """Whether the page is refused to who was signed in, and stays so."""
        until = time.monotonic() + BOUND
        while self._sees(visitor):
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return not any(self._sees(visitor) for _ in range(REQUESTS))

    def _found(self, visitor: Visitor) -> str:
        answer = visitor.get(self._door.page)
        return f"status {answer.status} at {answer.url.partition('?')[0].removeprefix(visitor.url)}"

    def _note(self, name: str, passed: bool, otherwise: str) -> None:
        self.checks.append(Check(name=name, passed=passed, found="" if passed else otherwise))
