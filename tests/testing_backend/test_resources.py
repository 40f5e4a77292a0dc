"""What is at the fake back end: orders that are remembered, redirects, cookies of any kind."""

from __future__ import annotations

import httpx2
import pytest
from tests.testing_backend.conftest import Client

from sojourn.testing import Behaviour, FakeBackend
from sojourn.testing.backend import Order, Seen


def test_every_order_is_remembered(backend: FakeBackend, client: Client) -> None:
    alice = client("alice")
    made = alice.post("/orders", content='{"item": "é"}')
    assert (made.status_code, made.headers["location"]) == (201, "/orders/1")
    assert alice.put("/orders/7", content=b"\xff").json() == {"order": 2}
    assert alice.delete("/orders/7").status_code == 200
    assert alice.get("/orders").json() == {"orders": [1, 2, 3]}
    assert client("bob").get("/orders").json() == {"orders": []}
    assert backend.orders() == [
        Order(number=1, method="POST", path="/orders", body='{"item": "é"}', user="alice", session=1),
        Order(number=2, method="PUT", path="/orders/7", body="�", user="alice", session=1),
        Order(number=3, method="DELETE", path="/orders/7", body="", user="alice", session=1),
    ]


def test_an_order_that_comes_twice_is_a_duplicate(backend: FakeBackend, client: Client) -> None:
    alice, bob = client("alice"), client("bob")
    for content in ("1", "2"):
        alice.post("/orders", content=content)
        bob.post("/orders", content=content)
    assert backend.counts().duplicates == 0
    client("alice").post("/orders", content="1")
    assert (backend.counts().orders, backend.counts().duplicates) == (5, 1)


def test_the_newest_are_remembered_and_all_are_counted(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(records=2))
    alice = client("alice")
    for number in range(4):
        alice.post("/orders", content=str(number))
    assert [each.body for each in backend.orders()] == ["2", "3"]
    assert [each.number for each in backend.seen()] == [3, 4]
    assert backend.counts().orders == 4


def test_a_request_is_told_as_it_was_seen(backend: FakeBackend, client: Client) -> None:
    client().get("/me", headers={"Cookie": "a=1; nameless; JSESSIONID=unknown"})
    alice = client("alice")
    alice.get("/me")
    alice.post("/orders?x=1")
    assert backend.seen() == [
        Seen(
            number=1, method="GET", path="/me", status=401, user=None, session=None, made_session=False,
            credentials=None, cookies=("a", "", "JSESSIONID"),
        ),
        Seen(
            number=2, method="GET", path="/me", status=200, user="alice", session=1, made_session=True,
            credentials="basic", cookies=None,
        ),
        Seen(
            number=3, method="POST", path="/orders", status=201, user="alice", session=1, made_session=False,
            credentials="basic", cookies=("JSESSIONID",),
        ),
    ]  # fmt: skip


def test_neither_ids_nor_credentials_are_told(backend: FakeBackend, client: Client) -> None:
    alice = client("alice")
    alice.get("/me")
    told = f"{backend.seen()} {backend.counts()} {backend.orders()}"
    assert alice.cookies["JSESSIONID"] not in told
    assert backend.password_of("alice") not in told


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_to_another_server(backend: FakeBackend, client: Client, status: int) -> None:
    with FakeBackend() as other:
        answer = client("alice").post("/leave", params={"to": f"{other.url}/me", "status": status})
        assert answer.status_code == status
        assert httpx2.get(answer.headers["location"]).status_code == 401
        assert other.counts().requests == 1


@pytest.mark.parametrize("params", [{}, {"to": "/a\r\nX: y"}, {"to": "/é"}, {"to": "/", "status": "200"}])
def test_a_redirect_that_cannot_be_is_refused(backend: FakeBackend, client: Client, params: dict[str, str]) -> None:
    assert client("alice").get("/leave", params=params).status_code == 400


def test_cookies_are_set_as_they_are_given(backend: FakeBackend, client: Client) -> None:
    lines = ["a=1; domain=.EXAMPLE.com", "=nameless", "b", "a=2;;  Secure"]
    answer = client("alice").get("/cookies", params={"set": "\n".join(lines)})
    assert answer.headers.get_list("set-cookie")[:4] == lines
    assert client("alice").get("/cookies", params={"set": "a=1\r"}).status_code == 400


@pytest.mark.parametrize(("method", "path"), [("POST", "/me"), ("PUT", "/"), ("DELETE", "/rows"), ("BREW", "/cookies")])
def test_what_only_tells_is_not_changed(backend: FakeBackend, client: Client, method: str, path: str) -> None:
    assert client("alice").request(method, path).status_code == 405


def test_a_head_request_gets_no_body(backend: FakeBackend, client: Client) -> None:
    answer = client("alice").head("/me")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_name_on_the_page_is_only_text(backend: FakeBackend, client: Client) -> None:
    assert "&lt;script&gt;" in client("<script>").get("/").text
