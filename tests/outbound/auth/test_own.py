"""A way of signing in that the application brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.outbound.feeding import SITE, Answer, feed

from sojourn.errors import SettingError, SignInFailed
from sojourn.outbound.auth import SignInWith
from sojourn.outbound.messages import Request, Response

if TYPE_CHECKING:
    from collections.abc import Generator

NOW = 1_767_225_600.0


def knock(url: str, now: float) -> Generator[Request, Response, dict[str, str]]:
    response = yield Request(method="POST", url=f"{url}knock", body=str(now).encode())
    return {"X-Key": response.first("x-key")}


def own(function: Any = knock, **options: Any) -> SignInWith:
    return SignInWith(function, **{"identity": "alice", "secret": "s3cret", **options})


def test_its_requests_are_sent_and_what_it_returns_goes_with_the_first_call() -> None:
    asked: list[Request] = []
    assert feed(own().sign_in(SITE, NOW), Answer(200, (("X-Key", "abc"),)), asked=asked) == {"X-Key": "abc"}
    assert (asked[0].url, asked[0].body) == ("https://shop.example/knock", b"1767225600.0")


def test_it_may_return_nothing() -> None:
    def cookies_only(url: str, now: float) -> Generator[Request, Response, None]:
        yield Request(method="GET", url=url)

    assert feed(own(cookies_only).sign_in(SITE, NOW), Answer()) == {}


@pytest.mark.parametrize("value", ["a\r\nX: y", "", "ä", "x" * 1_000_000, None, b"abc"])
def test_what_cannot_be_sent_is_not(value: Any) -> None:
    def wrong(url: str, now: float) -> Generator[Request, Response, dict[str, Any]]:
        yield from ()
        return {"X-Key": value}

    with pytest.raises(SignInFailed, match="cannot be sent"):
        feed(own(wrong).sign_in(SITE, NOW))


def test_a_function_that_yields_nothing_is_told() -> None:
    with pytest.raises(SignInFailed, match="returned a dict; write a generator function, with `yield`"):
        feed(own(lambda _url, _now: {"X-Key": "s3cret"}).sign_in(SITE, NOW))


def test_what_is_no_headers_is_told() -> None:
    def wrong(url: str, now: float) -> Generator[Request, Response, str]:
        yield from ()
        return "s3cret"

    with pytest.raises(SignInFailed, match="returned a str") as failed:
        feed(own(wrong).sign_in(SITE, NOW))
    assert "s3cret" not in str(failed.value)


def test_it_may_say_by_what_it_is_refused() -> None:
    assert own().refuses(Answer(401).to(SITE))
    assert not own().reads(Answer().to(SITE))
    auth = own(refuses=lambda response: response.body == b"who?", reads=lambda response: response.status == 200)
    assert auth.reads(Answer().to(SITE))
    assert auth.refuses(Answer(body=b"who?").to(SITE))
    assert not auth.refuses(Answer(401).to(SITE))
    assert not auth.forget({})


def test_two_share_a_session_if_identity_and_secret_are_equal() -> None:
    assert own() == own(lambda url, now: None)
    assert own() == own(secret=b"s3cret")
    assert len({own(), own(secret="other"), own(identity="bob")}) == 3
    assert repr(own()) == "SignInWith(identity='alice')"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"function": "knock"}, "function"),
        ({"identity": ""}, "identity"),
        ({"secret": ""}, "secret"),
        ({"secret": 5}, "secret"),
        ({"refuses": True}, "refuses"),
        ({"reads": True}, "reads"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_when_it_is_given(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingError, match=rf"^SignInWith\({named}\)"):
        own(**wrong)
