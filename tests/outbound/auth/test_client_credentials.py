"""A client signs in as itself: RFC 6749 §4.4."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.outbound.feeding import SITE, Answer, feed, redirect, sent

from sojourn.errors import SettingError, SignInFailed
from sojourn.outbound.auth import ClientCredentials
from sojourn.outbound.messages import Wait

if TYPE_CHECKING:
    from sojourn.outbound.auth import Credentials, SigningIn
    from sojourn.outbound.messages import Request

TOKENS = "https://login.example/oauth2/token"
NOW = 1_767_225_600.0


def client(**options: Any) -> ClientCredentials:
    return ClientCredentials(TOKENS, "shop", "s3cret", **options)


def grant(token: str = "one", **more: object) -> Answer:
    return Answer(body=json.dumps({"access_token": token, "token_type": "Bearer", **more}).encode())


def signed_in(auth: ClientCredentials, *answers: Answer, now: float = NOW, asked: list[Request] | None = None) -> str:
    credentials = feed(auth.sign_in(SITE, now), *answers, asked=asked)
    return str(credentials["Authorization"])


def form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))


# --- what is asked for -------------------------------------------------------------------------------------------


def test_the_client_proves_itself_in_the_header() -> None:
    asked: list[Request] = []
    assert signed_in(client(scope="orders.read stock"), grant(), asked=asked) == "Bearer one"
    (request,) = asked
    assert (request.method, request.url) == ("POST", TOKENS)
    assert form(request) == {"grant_type": "client_credentials", "scope": "orders.read stock"}
    assert sent(request) == {
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
        "authorization": "Basic " + base64.b64encode(b"shop:s3cret").decode(),
    }


def test_or_in_the_form_with_what_the_server_asks_for_besides() -> None:
    asked: list[Request] = []
    auth = client(method="client_secret_post", extra={"audience": "https://api.example"})
    signed_in(auth, grant(), asked=asked)
    assert "authorization" not in sent(asked[0])
    assert form(asked[0]) == {
        "grant_type": "client_credentials",
        "audience": "https://api.example",
        "client_id": "shop",
        "client_secret": "s3cret",
    }


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=200), st.text(min_size=1))
def test_any_id_and_secret_come_through_the_header(client_id: str, secret: str) -> None:
    try:
        auth = ClientCredentials(TOKENS, client_id, secret)
    except SettingError:
        return
    asked: list[Request] = []
    signed_in(auth, grant(), asked=asked)
    pair = base64.b64decode(sent(asked[0])["authorization"].removeprefix("Basic ")).decode("ascii")
    assert tuple(map(unquote_plus, pair.split(":"))) == (client_id, secret)  # RFC 6749 §2.3.1


# --- what is kept ------------------------------------------------------------------------------------------------


def test_a_token_is_used_until_shortly_before_it_expires() -> None:
    auth = client(leeway=30)
    assert signed_in(auth, grant("one", expires_in=3600)) == "Bearer one"
    assert signed_in(auth, now=NOW + 3569) == "Bearer one"
    assert signed_in(auth, grant("two", expires_in="3600"), now=NOW + 3570) == "Bearer two"  # Azure writes text
    assert signed_in(auth, now=NOW + 3570 + 3569) == "Bearer two"


def test_one_that_lives_no_longer_than_that_is_used_for_half_of_its_life() -> None:
    auth = client(leeway=30)
    signed_in(auth, grant("one", expires_in=20))
    assert signed_in(auth, now=NOW + 9) == "Bearer one"
    assert signed_in(auth, grant("two", expires_in=20), now=NOW + 10) == "Bearer two"


@pytest.mark.parametrize("seconds", [None, True, -1, "soon", [], "9" * 400])
def test_a_token_of_which_nothing_is_said_is_used_until_it_is_refused(seconds: object) -> None:
    auth = client()
    signed_in(auth, grant("one", expires_in=seconds))
    assert signed_in(auth, now=NOW + 1e9) == "Bearer one"


def test_one_that_is_refused_is_forgotten_unless_there_is_another_by_now() -> None:
    auth = client()
    signed_in(auth, grant("one", refresh_token="again"))
    assert auth.forget({"Authorization": "Bearer one"})
    asked: list[Request] = []
    assert signed_in(auth, grant("two"), asked=asked) == "Bearer two"
    assert form(asked[0])["grant_type"] == "client_credentials"
    assert auth.forget({"Authorization": "Bearer one"})
    assert signed_in(auth) == "Bearer two"


def test_a_refresh_token_is_used_and_kept_until_there_is_another() -> None:
    auth = client(leeway=0)
    signed_in(auth, grant("one", expires_in=10, refresh_token="r1"))
    asked: list[Request] = []
    assert signed_in(auth, grant("two", expires_in=10), now=NOW + 10, asked=asked) == "Bearer two"
    assert (
        signed_in(auth, grant("three", expires_in=10, refresh_token="r2"), now=NOW + 20, asked=asked) == "Bearer three"
    )
    assert signed_in(auth, grant("four", expires_in=10), now=NOW + 30, asked=asked) == "Bearer four"
    assert [form(each)["refresh_token"] for each in asked] == ["r1", "r1", "r2"]
    assert {form(each)["grant_type"] for each in asked} == {"refresh_token"}


def test_a_refresh_token_that_is_not_good_any_more_costs_one_request() -> None:
    auth = client(leeway=0)
    signed_in(auth, grant("one", expires_in=10, refresh_token="r1"))
    asked: list[Request] = []
    stale = Answer(400, body=b'{"error":"invalid_grant"}')
    assert signed_in(auth, stale, grant("two", expires_in=10), now=NOW + 10, asked=asked) == "Bearer two"
    assert [form(each)["grant_type"] for each in asked] == ["refresh_token", "client_credentials"]


def test_threads_see_one_grant_or_another_and_never_a_mix() -> None:
    auth = client(leeway=0)
    seen: list[str] = []

    def work(name: str) -> None:
        for number in range(300):
            credentials = threaded(auth.sign_in(SITE, NOW + number), grant(name, expires_in=1))
            seen.append(credentials["Authorization"])
            auth.forget(credentials)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 600
    assert set(seen) <= {"Bearer a", "Bearer b"}


def threaded(steps: SigningIn, answer: Answer) -> Credentials:
    """As a driver does it that waits."""
    try:
        step = next(steps)
        while True:
            step = steps.send(step.future.result(10) if isinstance(step, Wait) else answer.to(step.url))
    except StopIteration as stop:
        credentials: Credentials = stop.value
        return credentials


# --- what is answered --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["invalid_client", "invalid_scope", "unauthorized_client", "invalid_target"])
def test_an_error_is_told_by_its_code(code: str) -> None:
    answer = Answer(401, body=json.dumps({"error": code, "error_description": "s3cret is wrong"}).encode())
    with pytest.raises(SignInFailed, match=f"'shop'.*https://login.example answered 401: {code};") as failed:
        signed_in(client(), answer)
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize("code", ["s3cret", "a\r\nb", 5, None, ["invalid_client"]])
def test_a_code_that_no_standard_has_is_not_told(code: object) -> None:
    with pytest.raises(SignInFailed, match=r"answered 400; check") as failed:
        signed_in(client(), Answer(400, body=json.dumps({"error": code}).encode()))
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"[" * 100_000,
        b'{"token_type":"Bearer"}',
        b'{"access_token":5}',
        b'{"access_token":"a\\r\\nX: y"}',
        '{"access_token":"ä"}'.encode(),
        b'{"access_token":""}',
        b'{"access_token":"%s"}' % (b"x" * 1_000_000),
        b'{"access_token":"one"}' + b" " * 1_000_000,
        b"\xff\xfe",
    ],
    ids=range(12),
)
def test_what_holds_no_token_is_no_answer(body: bytes) -> None:
    with pytest.raises(SignInFailed, match="no access token that can be sent"):
        signed_in(client(), Answer(body=body))


def test_a_token_that_is_no_bearer_token_is_not_sent() -> None:
    with pytest.raises(SignInFailed, match="no bearer token"):
        signed_in(client(), grant(token_type="DPoP"))
    assert signed_in(client(), grant(token_type="bearer")) == "Bearer one"


def test_a_redirect_is_not_followed() -> None:
    with pytest.raises(SignInFailed, match="answered 307"):
        signed_in(client(), redirect("https://evil.example/", 307))


def test_a_failure_leaves_the_next_one_to_try_with_what_there_is() -> None:
    auth = client(leeway=0)
    signed_in(auth, grant("one", expires_in=10, refresh_token="r1"))
    with pytest.raises(SignInFailed):
        signed_in(auth, Answer(503), Answer(503), now=NOW + 10)
    asked: list[Request] = []
    assert signed_in(auth, grant("two"), now=NOW + 11, asked=asked) == "Bearer two"
    assert form(asked[0])["refresh_token"] == "r1"


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"token_url": "/oauth2/token"}, "token_url"),
        ({"token_url": "https://shop:s3cret@login.example/"}, "token_url"),
        ({"token_url": "https://login.example/#s3cret"}, "token_url"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "a\nb"}, "client_id"),
        ({"client_secret": ""}, "client_secret"),
        ({"client_secret": b"s3cret"}, "client_secret"),
        ({"client_secret": "\ud800"}, "client_secret"),
        ({"scope": ["a"]}, "scope"),
        ({"extra": {"grant_type": "s3cret"}}, "extra"),
        ({"extra": {"audience": 5}}, "extra"),
        ({"extra": "s3cret"}, "extra"),
        ({"method": "private_key_jwt"}, "method"),
        ({"leeway": -1}, "leeway"),
        ({"leeway": float("nan")}, "leeway"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_when_it_is_given(wrong: dict[str, Any], named: str) -> None:
    given = {"token_url": TOKENS, "client_id": "shop", "client_secret": "s3cret", **wrong}
    with pytest.raises(SettingError, match=rf"^ClientCredentials\({named}[)=]") as refused:
        ClientCredentials(**given)
    assert "s3cret" not in str(refused.value)


def test_two_share_a_session_if_they_ask_for_the_same_with_the_same_proof() -> None:
    assert client() == client(leeway=5)
    different = {
        client(),
        client(scope="a"),
        client(extra={"audience": "a"}),
        ClientCredentials(TOKENS, "shop", "other"),
    }
    assert len(different) == 4
    assert "s3cret" not in repr(client(extra={"assertion": "s3cret"}))
    assert client().identity == "shop"


def test_it_cannot_be_changed() -> None:
    extra = {"audience": "a"}
    auth = client(extra=extra)
    before = auth.secret
    extra["audience"] = "b"
    assert auth.secret == before
    with pytest.raises(AttributeError):
        auth.client_secret = "other"  # type: ignore[misc]
