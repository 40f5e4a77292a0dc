"""Sessions of the fake back end: made by a sign-in, found by a cookie, ended in every way."""

from __future__ import annotations

import pytest
from tests.testing_backend.conftest import NOBODY, Client

from sojourn.testing import Behaviour, FakeBackend


def test_the_first_request_signs_in_and_the_others_are_in_its_session(backend: FakeBackend, client: Client) -> None:
    alice = client("alice")
    first = alice.get("/me")
    alice.auth = NOBODY
    second = alice.get("/me")

    assert first.json() == second.json() == {"user": "alice", "session": 1}
    assert "set-cookie" not in second.headers
    counts = backend.counts()
    assert (counts.requests, counts.sign_ins, counts.sessions_made, counts.sessions_live) == (2, 1, 1, 1)


def test_who_forgets_the_cookie_gets_a_session_with_each_request(backend: FakeBackend, client: Client) -> None:
    for _ in range(3):
        client("alice").get("/me")
    assert backend.counts().sessions_live == 3


def test_beyond_the_cap_a_user_is_refused_and_others_are_not(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sessions_per_user=2))
    statuses = [client("alice").get("/me").status_code for _ in range(3)]
    assert statuses == [200, 200, 503]
    assert client("bob").get("/me").status_code == 200
    assert backend.counts().sessions_refused == 1


def test_a_session_that_was_closed_makes_room(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(sessions_per_user=1))
    first = client("alice")
    first.get("/me")
    assert client("alice").get("/me").status_code == 503
    assert first.get("/logout").headers["set-cookie"] == "JSESSIONID=; Max-Age=0; Path=/; HttpOnly"
    assert not first.cookies
    assert client("alice").get("/me").status_code == 200
    assert backend.counts().sessions_closed == 1


def test_the_header_closes_the_session_after_its_last_request(backend: FakeBackend, client: Client) -> None:
    alice = client("alice")
    alice.get("/me")
    last = alice.get("/me", headers={"X-OS-Session-Keep-Alive": "false"})
    alice.auth = NOBODY

    assert last.status_code == 200
    assert alice.get("/me").status_code == 401
    assert backend.counts().sessions_closed == 1


def test_the_header_closes_it_after_a_request_that_was_refused_too(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(csrf="fetch", close_header="X-Last"))
    alice = client("alice")
    assert alice.post("/orders", headers={"X-Last": "FALSE"}).status_code == 403
    assert backend.counts().sessions_live == 0
    alice.get("/me", headers={"x-os-session-keep-alive": "false"})
    assert backend.counts().sessions_live == 1


def test_a_session_expires_when_it_is_idle(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(idle=60))
    alice = client("alice")
    alice.get("/me")
    alice.auth = NOBODY
    backend.advance(59)
    assert alice.get("/me").status_code == 200
    backend.advance(59)
    assert alice.get("/me").status_code == 200
    backend.advance(60)
    assert alice.get("/me").status_code == 401
    assert backend.counts().sessions_expired == 1


def test_a_test_forgets_sessions_of_a_user_by_number_or_all(backend: FakeBackend, client: Client) -> None:
    for user in ("alice", "alice", "bob", "bob"):
        client(user).get("/me")
    assert backend.forget(user="alice") == 2
    assert backend.forget(session=3) == 1
    assert backend.forget() == 1
    assert backend.counts().sessions_forgotten == 4
    assert backend.counts().sessions_live == 0


@pytest.mark.parametrize("name", ["GWSESSIONID", "SAP_SESSIONID_ABC_100"])
def test_the_cookie_has_the_name_that_is_wanted(backend: FakeBackend, client: Client, name: str) -> None:
    backend.reset(Behaviour(session_cookie=name, cookie_attributes="Domain=app.intranet.corp; Path=/x"))
    line = client("alice").get("/me").headers["set-cookie"]
    assert line.startswith(f"{name}=")
    assert line.endswith("; Domain=app.intranet.corp; Path=/x")


def test_of_several_lines_the_last_is_the_session(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(stale_cookies=2))
    alice = client("alice")
    lines = alice.get("/me").headers.get_list("set-cookie")
    alice.auth = NOBODY
    assert len({line.partition("=")[0] for line in lines}) == 1
    assert len(set(lines)) == 3
    assert alice.get("/me").json() == {"user": "alice", "session": 1}


def test_without_its_companion_a_session_is_not_found(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(companions=("route",)))
    alice = client("alice")
    alice.get("/me")
    alice.auth = NOBODY
    assert alice.get("/me").status_code == 200
    alice.cookies.delete("route")
    assert alice.get("/me").status_code == 401


def test_without_sessions_each_request_signs_in(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(session_cookie=None))
    alice = client("alice")
    answers = [alice.get("/me") for _ in range(3)]
    assert [each.json() for each in answers] == [{"user": "alice", "session": None}] * 3
    assert not alice.cookies
    assert backend.counts().sign_ins == 3
    assert backend.counts().sessions_made == 0


def test_each_session_has_a_cursor_of_its_own(backend: FakeBackend, client: Client) -> None:
    backend.reset(Behaviour(rows=25, page=10))
    one, other = client("alice"), client("alice")
    assert one.get("/rows").json()["rows"] == list(range(10))
    assert other.get("/rows?next").status_code == 409
    assert other.get("/rows").json()["rows"] == list(range(10))
    assert one.get("/rows?next").json() == {"rows": list(range(10, 20)), "more": True}
    assert one.get("/rows?next").json() == {"rows": list(range(20, 25)), "more": False}
    assert one.get("/rows?next").status_code == 409
    assert other.get("/rows?next").json()["rows"] == list(range(10, 20))
