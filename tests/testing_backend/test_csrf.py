"""Tokens against CSRF: each dialect tells its token in its own way, and takes none of another session's."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx2
import pytest
from tests.testing_backend.conftest import NOBODY, Client

from sojourn.testing import Behaviour, FakeBackend
from sojourn.testing.backend.behaviour import Dialect

Headers = dict[str, str]


def fetched(client: httpx2.Client) -> Headers:
    answer = client.head("/orders", headers={"X-CSRF-Token": "Fetch"})
    return {"X-CSRF-Token": answer.headers["x-csrf-token"]}


def from_cookie(cookie: str, header: str) -> Callable[[httpx2.Client], Headers]:
    def read(client: httpx2.Client) -> Headers:
        client.get("/me")
        return {header: client.cookies[cookie]}

    return read


def from_page(client: httpx2.Client) -> Headers:
    found = re.search(r'<meta name="csrf-token" content="([^"]+)">', client.get("/").text)
    assert found is not None
    return {"X-CSRF-Token": found[1]}


DIALECTS: dict[Dialect, Callable[[httpx2.Client], Headers]] = {
    "fetch": fetched,
    "django": from_cookie("csrftoken", "X-CSRFToken"),
    "double-submit": from_cookie("XSRF-TOKEN", "X-XSRF-TOKEN"),
    "meta": from_page,
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_order_needs_the_token(backend: FakeBackend, client: Client, dialect: Dialect) -> None:
    backend.reset(Behaviour(csrf=dialect))
    alice = client("alice")
    refused = alice.post("/orders", json={})
    assert refused.status_code == (419 if dialect == "meta" else 403)
    assert refused.headers.get("x-csrf-token") == ("Required" if dialect == "fetch" else None)
    assert not backend.orders()
    assert alice.post("/orders", json={}, headers=DIALECTS[dialect](alice)).status_code == 201
    counts = backend.counts()
    assert (counts.csrf_tokens, counts.csrf_refused, counts.sign_ins) == (1, 1, 1)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_token_is_of_one_session(backend: FakeBackend, client: Client, dialect: Dialect) -> None:
    backend.reset(Behaviour(csrf=dialect))
    one, other = client("alice"), client("alice")
    token = DIALECTS[dialect](one)
    other.get("/me")
    cookies = {name: value for name, value in one.cookies.items() if name != "JSESSIONID"}
    for name, value in cookies.items():
        other.cookies.set(name, value)
    assert other.post("/orders", json={}, headers=token).status_code in (403, 419)
    assert one.post("/orders", json={}, headers=token).status_code == 201


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_forgotten_token_is_refused_while_the_session_goes_on(
    backend: FakeBackend, client: Client, dialect: Dialect
) -> None:
    backend.reset(Behaviour(csrf=dialect))
    alice = client("alice")
    token = DIALECTS[dialect](alice)
    alice.auth = NOBODY
    backend.forget_tokens()
    assert alice.post("/orders", json={}, headers=token).status_code in (403, 419)
    assert alice.post("/orders", json={}, headers=DIALECTS[dialect](alice)).status_code == 201
    assert backend.counts().sessions_made == 1


def test_a_token_of_a_session_that_was_lost_is_refused_in_the_next(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(csrf="fetch"))
    alice = client("alice")
    token = fetched(alice)
    backend.forget()
    answer = alice.post("/orders", json={}, headers=token)
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")
    assert "set-cookie" in answer.headers
    assert backend.counts().sessions_made == 2


@pytest.mark.parametrize("dialect", ["django", "double-submit"])
def test_a_header_without_its_cookie_is_not_enough(backend: FakeBackend, client: Client, dialect: Dialect) -> None:
    backend.reset(Behaviour(csrf=dialect))
    alice = client("alice")
    token = DIALECTS[dialect](alice)
    for name in ("csrftoken", "XSRF-TOKEN"):
        alice.cookies.delete(name) if name in alice.cookies else None
    assert alice.post("/orders", json={}, headers=token).status_code == 403


def test_django_takes_the_token_in_a_form(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(csrf="django"))
    alice = client("alice")
    alice.get("/me")
    data = {"csrfmiddlewaretoken": alice.cookies["csrftoken"]}
    assert alice.post("/orders", data=data).status_code == 201


def test_a_server_without_head_tells_its_token_to_get(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(csrf="fetch", head=False))
    alice = client("alice")
    assert alice.head("/orders", headers={"X-CSRF-Token": "Fetch"}).status_code == 405
    assert "x-csrf-token" in alice.get("/orders", headers={"X-CSRF-Token": "FETCH"}).headers


def test_the_header_has_the_name_that_is_wanted(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(csrf="fetch", csrf_header="X-XSRF"))
    alice = client("alice")
    token = alice.get("/me", headers={"x-xsrf": "fetch"}).headers["x-xsrf"]
    assert alice.post("/orders", headers={"X-CSRF-Token": token}).status_code == 403
    assert alice.post("/orders", headers={"X-Xsrf": token}).status_code == 201
