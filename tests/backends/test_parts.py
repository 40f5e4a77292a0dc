"""What `scripts/backends` is made of, tried without a network: a fake back end, and a real one that the tests bring."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.applications.installation import Failed
from tests.backends import page
from tests.backends.backend import PASSWORD, Asked, Asking, Log, plainly
from tests.backends.fetching import needed
from tests.backends.known import BACKENDS
from tests.backends.page import Found, Outcome
from tests.backends.running import Running
from tests.backends.trial import CHECKS, Check, try_out

from sojourn.outbound import Backend, Logout
from sojourn.testing import Behaviour, FakeBackend

CALLERS = plainly(
    Asking(Asked("GET", "rows", 200), lambda number: Asked("POST", "orders", 201, body=f'{{"item": {number}}}'))
)


class Fake:
    """A back end of ours, in the place of a server."""

    def __init__(self, fake: FakeBackend, **settings: Any) -> None:
        self.versions: dict[str, str] = {}
        self._fake = fake
        self._settings = settings
        fake.reset(Behaviour(csrf="fetch"))

    def backend(self, password: str) -> Backend:
        right = self._fake.password_of("ada")
        auth = ("ada", right if password == PASSWORD else password)
        settings = {"reuse": "flow", "csrf": True, "closing": Logout(), **self._settings}
        return Backend(self._fake.url, auth=auth, **settings)

    def log(self) -> Log:
        counts = self._fake.counts()
        return Log(counts.sign_ins, counts.sign_ins_refused, counts.orders, counts.sessions_live, counts.csrf_tokens)

    def forget(self) -> None:
        self._fake.forget()

    def stop(self) -> None:
        pass


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeBackend]:
    with FakeBackend() as backend:
        yield backend


async def failed(server: Any, caller: Any) -> set[str]:
    trial = await try_out(server, caller)
    assert {check.name for check in trial.checks} == set(CHECKS)
    return {check.name for check in trial.checks if not check.passed}


async def test_a_back_end_that_is_signed_in_once_passes(fake: FakeBackend) -> None:
    assert await failed(Fake(fake), CALLERS["httpx2"]) == set()


async def test_one_that_is_signed_in_for_each_call_is_found_out(fake: FakeBackend) -> None:
    assert await failed(Fake(fake, reuse="none"), CALLERS["aiohttp"]) == {"one", "none", "once more", "third"}


async def test_one_whose_sessions_are_left_and_whose_changes_are_refused_is_found_out(fake: FakeBackend) -> None:
    assert await failed(Fake(fake, csrf=False, closing=None), CALLERS["requests"]) == {
        "split",
        "one",
        "closed",
        "effects",
        "third",
    }


@pytest.mark.long
async def test_the_administration_of_django_is_signed_in_once(tmp_path: Path) -> None:
    known = BACKENDS["django"]
    server = await asyncio.to_thread(known.start, tmp_path, tmp_path)
    try:
        assert await failed(server, known.callers["aiohttp"]) == set()
    finally:
        server.stop()


def test_a_server_that_does_not_start_is_told_of(tmp_path: Path) -> None:
    running = Running([sys.executable, "-c", "raise SystemExit('no')"], tmp_path)
    with pytest.raises(Failed, match="the server did not start: no"):
        running.start()


def test_what_this_machine_does_not_have_is_told() -> None:
    with pytest.raises(Failed, match="needs no-such-program, which is not on this machine"):
        needed("no-such-program")


def test_the_page_tells_what_was_tried_and_what_failed() -> None:
    good, bad = Check(name="split", passed=True), Check(name="one", passed=False, found="2 sign-ins")
    tried = Outcome(
        name="tomcat", versions={"Tomcat": "10.1"}, clients={"aiohttp": Found(checks=[good, bad], sign_ins=[2], left=7)}
    )
    missing = Outcome(name="odata", failure="needs node, which is not on this machine")
    assert not tried.good
    assert not missing.good
    text = page.text([tried, missing])
    assert "| Tomcat, its examples | aiohttp | 1 of 2 | 2 | 7 |" in text
    assert f"Not so: {CHECKS['one']} (2 sign-ins)." in text
    assert "- Made of: Tomcat 10.1." in text
    assert "SAP's OData mock server was not tried: needs node" in text
