"""Who is let in: by HTTP Basic, by a bearer token, by a form."""

from __future__ import annotations

import re

import httpx2
import pytest
from tests.testing_backend.conftest import NOBODY, Client

from sojourn.testing import Behaviour, FakeBackend

CREDENTIALS = {"grant_type": "client_credentials"}


def token_of(page: str) -> str:
    found = re.search(r'name="_csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


def fill_in(client: httpx2.Client, page: str, user: str, password: str, onward: str = "/me") -> httpx2.Response:
    fields = {"username": user, "password": password, "_csrf": token_of(page), "next": onward}
    return client.post("/login", data=fields)


def test_basic_is_asked_for(backend: FakeBackend, client: Client) -> None:
    answer = client().get("/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="fake back end", charset="UTF-8"'
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("user", ["alice", "Zoë", "a b", "o'hara"])
def test_every_user_has_a_password_of_their_own(backend: FakeBackend, client: Client, user: str) -> None:
    assert client(user).get("/me").json()["user"] == user
    assert httpx2.get(f"{backend.url}/me", auth=("bob", backend.password_of(user))).status_code == 401
    assert backend.counts().sign_ins_refused == 1


@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic !!!",
        b"Basic YQ==",
        b"Basic Og==",
        b"Basic //8=",
        b"Digest x",
        b"\xff\xfe",
        b"Bearer",
        b"Basic " + b"A" * 9000,
    ],
)
def test_credentials_that_cannot_be_read_are_wrong_ones(backend: FakeBackend, client: Client, header: bytes) -> None:
    assert client().get("/me", headers={b"authorization": header}).status_code == 401
    assert backend.counts().sign_ins == 0
    assert backend.counts().faults == 0


def test_a_bearer_token_signs_in(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sign_in=("bearer",), token_lifetime=60))
    issued = client("alice").post("/oauth/token", data=CREDENTIALS).json()
    assert (issued["token_type"], issued["expires_in"]) == ("Bearer", 60)

    bearer = {"Authorization": f"Bearer {issued['access_token']}"}
    with_token = client()
    assert with_token.get("/me", headers=bearer).json()["user"] == "alice"
    backend.advance(60)
    assert with_token.get("/me", headers=bearer).status_code == 200, "the session goes on without the token"
    refused = client().get("/me", headers=bearer)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="fake back end", error="invalid_token"'
    assert backend.counts().access_tokens == 1


def test_a_bearer_token_can_be_revoked(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sign_in=("bearer",), session_cookie=None))
    issued = client("alice").post("/oauth/token", data=CREDENTIALS).json()
    bearer = {"Authorization": f"Bearer {issued['access_token']}"}
    assert client().get("/me", headers=bearer).status_code == 200
    backend.forget_tokens()
    assert client().get("/me", headers=bearer).status_code == 401


def test_the_token_endpoint_takes_credentials_in_the_body_too(backend: FakeBackend, client: Client) -> None:
    body = {**CREDENTIALS, "client_id": "alice", "client_secret": backend.password_of("alice")}
    assert client().post("/oauth/token", data=body).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        (CREDENTIALS, 401, "invalid_client"),
        ({**CREDENTIALS, "client_id": "alice", "client_secret": "x"}, 401, "invalid_client"),
        ({**CREDENTIALS, "client_id": "", "client_secret": "-secret"}, 401, "invalid_client"),
    ],
)
def test_the_token_endpoint_says_what_is_wrong(
    backend: FakeBackend, client: Client, body: dict[str, str], status: int, error: str
) -> None:
    answer = client().post("/oauth/token", data=body)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert backend.counts().access_tokens == 0


def test_visitors_are_led_to_the_form_and_back(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sign_in=("form",)))
    visitor = client()
    led = visitor.get("/me")
    assert (led.status_code, led.headers["location"]) == (302, "/login?next=/me")
    page = visitor.get(led.headers["location"])
    planted = visitor.cookies["JSESSIONID"]
    done = fill_in(visitor, page.text, "alice", backend.password_of("alice"))

    assert (done.status_code, done.headers["location"]) == (302, "/me")
    assert visitor.cookies["JSESSIONID"] != planted
    assert visitor.get("/me").json()["user"] == "alice"
    counts = backend.counts()
    assert (counts.visitors, counts.sign_ins, counts.sessions_made, counts.challenges) == (1, 1, 1, 1)


def test_the_form_is_shown_in_the_place_of_the_page(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sign_in=("form",), login="forward"))
    visitor = client()
    page = visitor.post("/orders", json={})
    assert page.status_code == 200
    assert 'action="/login"' in page.text
    assert not backend.orders()
    fill_in(visitor, page.text, "alice", backend.password_of("alice"))
    assert visitor.get("/me").json()["user"] == "alice"


def test_the_form_is_of_one_session(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sign_in=("form",)))
    one, other = client(), client()
    page = one.get("/login").text
    other.get("/login")
    assert fill_in(other, page, "alice", backend.password_of("alice")).status_code == 403
    assert fill_in(client(), page, "alice", backend.password_of("alice")).status_code == 403
    assert backend.counts().csrf_refused == 2
    assert backend.counts().sign_ins == 0


def test_a_wrong_password_shows_the_form_again(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sign_in=("form",), login_fields=("j_username", "j_password", "csrf")))
    visitor = client()
    token = re.findall(r'name="csrf" value="([^"]+)"', visitor.get("/login").text)[0]
    fields = {"j_username": "alice", "j_password": "wrong", "csrf": token}
    again = visitor.post("/login", data=fields)
    assert again.status_code == 200
    assert "wrong" in again.text
    done = visitor.post("/login", data={**fields, "j_password": backend.password_of("alice")})
    assert done.headers["location"] == "/"


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/\\evil", "/a\r\nX: y", "", "/é"])
def test_the_form_leads_to_no_other_server(backend: FakeBackend, client: Client, onward: str) -> None:
    backend.reset(Behaviour(sign_in=("form",)))
    visitor = client()
    page = visitor.get("/login").text
    assert fill_in(visitor, page, "alice", backend.password_of("alice"), onward).headers["location"] == "/"


def test_who_shows_credentials_is_not_led_to_the_form(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sign_in=("form", "basic")))
    assert client("alice").get("/me").json()["user"] == "alice"
    assert httpx2.get(f"{backend.url}/me", auth=("alice", "wrong")).status_code == 401


def test_where_there_is_only_the_form_other_credentials_lead_to_it(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sign_in=("form",)))
    assert client("alice").get("/me").status_code == 302


def test_the_sign_in_beyond_the_cap_is_refused_at_the_form_too(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sign_in=("form", "basic"), sessions_per_user=1))
    client("alice").get("/me")
    visitor = client()
    page = visitor.get("/login").text
    assert fill_in(visitor, page, "alice", backend.password_of("alice")).status_code == 503


def test_each_request_is_counted_for_whom_it_was_let_in(backend: FakeBackend, client: Client) -> None:
    alice, bob = client("alice"), client("bob")
    for each in (alice, bob, alice):
        each.get("/me")
    counts = backend.counts()
    assert counts.by_user == {"alice": 2, "bob": 1}
    assert counts.by_session == {1: 2, 2: 1}


def test_a_request_in_the_session_of_another_is_a_crossing(backend: FakeBackend, client: Client) -> None:
    alice = client("alice")
    alice.get("/me", headers={"X-Who": "alice"})
    alice.post("/orders", json={"who": "alice"})
    assert backend.counts().crossings == 0
    alice.auth = NOBODY
    alice.get("/me", headers={"X-Who": "bob"})
    alice.post("/orders", json={"who": "bob"})
    alice.post("/orders", content=b'{"who": [1]}')
    alice.post("/orders", content=b'{"who": ')
    alice.post("/orders", content=b'{"who":' + b"[" * 100_000)
    assert backend.counts().crossings == 2
    assert backend.counts().faults == 0


def test_signing_another_out_is_a_crossing_and_so_is_a_token_of_another(backend: FakeBackend, client: Client) -> None:
    alice = client("alice")
    alice.post("/oauth/token", data=CREDENTIALS, headers={"X-Who": "bob"})
    alice.get("/me")
    alice.get("/logout", headers={"X-Who": "bob"})
    assert backend.counts().crossings == 2


def test_one_user_s_session_with_another_s_credentials_is_mixed(backend: FakeBackend, client: Client) -> None:
    alice = client("alice")
    alice.get("/me")
    alice.get("/me", auth=("bob", backend.password_of("bob")))
    assert backend.counts().mixed == 1
    assert backend.counts().by_user == {"alice": 2}
