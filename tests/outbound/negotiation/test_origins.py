"""What is the back end's own is told by its origin, and what is told of a call holds no secret."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

import pytest
from tests.outbound.negotiation.played import SESSION, URL, Played, backend

from sojourn.errors import SessionLost, SettingError
from sojourn.outbound import Backend, Request, Response, SignInWith
from sojourn.outbound.messages import Call, Send


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example@evil.example/",
        "http://erp.example\\@evil.example/",
        "http://evil.example\\erp.example/",
        "http://erp.example.",
        "http://erp%2eexample/",
        "http://erp.example:8080/",
        "http://[::1]/",
        "http://erp.example%00/",
        "http:/erp.example/",
        "//erp.example/",
        " http://erp.example/",
        "http://erp.example\t.evil/",
    ],
)
def test_what_is_written_like_the_back_end_and_is_another_gets_nothing(url: str) -> None:
    exchange = backend().exchange()
    Played(exchange).answer(200, SESSION)
    assert Played(exchange, url=url, path="").sent == {}


@pytest.mark.parametrize("url", ["HTTP://ERP.example/", "http://erp.example:80/", "http://erp.example:080/"])
def test_the_back_end_is_known_however_it_is_written(url: str) -> None:
    exchange = backend().exchange()
    Played(exchange).answer(200, SESSION)
    assert Played(exchange, url=url, path="rows").sent == {"Cookie": "JSESSIONID=one"}


def test_a_back_end_with_a_name_of_any_letters_is_known_by_what_clients_make_of_it() -> None:
    erp = Backend("http://bücher.example/api", reuse="exchange", auth=("alice", "secret"))
    call = Played(erp.exchange(), url="http://xn--bcher-kva.example/api/", path="rows")
    assert call.sent["Authorization"] is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example?x.erp.example/",
        "http://evil.example#x.erp.example/",
        "http://evil.example\\x.erp.example/",
        "http://evil.example/x.erp.example/",
        "http://user:x.erp.example/",
        "http://user@x.erp.example/",
    ],
)
def test_a_host_that_shares_the_cookies_is_told_by_its_name_alone(url: str) -> None:
    erp = Backend("http://erp.example/", reuse="exchange", hosts=["*.erp.example"])
    assert not erp.rules.shares(url)
    assert erp.rules.shares("http://IMG.erp.example:81/x")


def test_no_user_without_a_name_shares_the_session_of_all_who_have_none() -> None:
    with pytest.raises(SettingError):
        backend(reuse="user").exchange(user="")


def call_for(url: str) -> Call:
    return Call(method="GET", url=url, fields=lambda _: [], replayable=True)


def test_what_is_shown_of_a_call_holds_neither_the_id_of_a_session_nor_a_password() -> None:
    assert repr(call_for("http://a:b@erp.example/x;jsessionid=1/y;v=2?z=3")) == "Call(GET http://erp.example/x/y)"


def test_logs_and_errors_hold_no_id_of_a_session_that_stands_in_the_path(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sojourn.outbound")
    exchange = backend().exchange()
    Played(exchange, path="x;jsessionid=hidden").answer(200, SESSION)
    lost = Played(exchange, "POST", path="x;jsessionid=hidden?q=hidden", replayable=False)
    lost.answer(401)
    assert isinstance(lost.error, SessionLost)
    assert "hidden" not in caplog.text + str(lost.error)
    assert "jsessionid" not in caplog.text + str(lost.error)


def test_a_sign_in_that_leads_through_another_host_keeps_its_cookies_where_that_is_named() -> None:
    def through(url: str, now: float) -> Generator[Request, Response, dict[str, str]]:
        for where in ("http://login.example/", "http://login.example/in", url):
            yield Request(method="GET", url=where)
        return {}

    auth = SignInWith(through, identity="alice", secret="s3cret")
    for hosts, sent in ((["login.example"], [None, "sso=1", None]), ([], [None, None, None])):
        call = Played(backend(auth=auth, hosts=hosts).exchange())
        cookies = []
        for answer in (("Set-Cookie", "sso=1"), ("Set-Cookie", "sso=1"), SESSION):
            cookies.append(dict(call.step.request.headers).get("Cookie"))
            call.answer(200, answer)
        assert cookies == sent
        assert call.sent == {"Cookie": "JSESSIONID=one"}


class Elsewhere:
    """A dialect of the user's own, whose tokens come from another host."""

    def fetch(self, url: str, call: Call, cookies: Any, stale: str | None = None) -> Generator[Request, Response, str]:
        answer = yield Request(method="GET", url="http://tokens.example/one")
        return answer.first("x-token")

    def headers(self, token: str, call: Call) -> dict[str, str]:
        return {"X-Token": token}

    def seen(self, call: Call, response: Response, cookies: Any) -> None:
        return None

    def refuses(self, response: Response) -> bool:
        return False


def test_a_dialect_of_ones_own_takes_no_credentials_to_another_host() -> None:
    call = Played(backend(csrf=Elsewhere()).exchange(), "POST")
    assert call.step.request.url == "http://tokens.example/one"
    assert call.step.request.headers == ()
    call.answer(401, ("X-Token", "t1"))  # which says nothing of the session
    assert (call.sent["Authorization"], call.sent["X-Token"]) == ("Basic YWxpY2U6c2VjcmV0", "t1")


def test_credentials_of_another_do_not_go_with_the_session_of_the_first_who_had_none() -> None:
    exchange = Backend(URL, reuse="exchange", identity="first").exchange()
    Played(exchange).answer(200, SESSION)
    second = Played(exchange, headers={"Authorization": "Basic Ym9iOmJvYg=="})
    assert second.sent == {"Cookie": "JSESSIONID=one", "Authorization": None}


def test_a_step_shows_nothing_secret() -> None:
    call = Played(backend().exchange())
    assert repr(call.step) == "Send(Authorization)"
    call.answer(200, SESSION)
    assert repr(Send({"Cookie": "JSESSIONID=one"})) == "Send(Cookie)"
