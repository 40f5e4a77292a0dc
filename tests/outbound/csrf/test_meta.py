"""A token that stands in the head of a page."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.outbound.feeding import SITE, Answer, call, feed, page, redirect

from sojourn.errors import SettingError
from sojourn.outbound.csrf import MetaTag

if TYPE_CHECKING:
    from sojourn.outbound.messages import Request


def head(token: str) -> Answer:
    return page(f'<!doctype html><head><META content="{token}" name="CSRF-Token"></head><body>')


def fetched(*answers: Answer, stale: str | None = None, asked: list[Request] | None = None) -> Any:
    return feed(MetaTag("/orders/new").fetch(f"{SITE}app/", call(), lambda _: None, stale), *answers, asked=asked)


def masked(token: bytes, pad: int) -> str:
    """As Rails writes a token of 32 bytes."""
    return base64.b64encode(bytes([pad] * 32) + bytes(each ^ pad for each in token)).decode()


# --- fetching ----------------------------------------------------------------------------------------------------


def test_it_is_read_from_the_page() -> None:
    asked: list[Request] = []
    assert fetched(head("a&#43;b=="), asked=asked) == "a+b=="
    assert [f"{each.method} {each.url}" for each in asked] == ["GET https://shop.example/orders/new"]


def test_a_redirect_is_followed_at_home_and_no_further() -> None:
    assert fetched(redirect("/home"), head("abc")) == "abc"
    assert fetched(redirect("https://evil.example/")) is None


@pytest.mark.parametrize(
    "answer",
    [
        page(""),
        page("<meta name=csrf-token>"),
        page("<meta name=csrf-param content=authenticity_token>"),
        page("<!-- <meta name=csrf-token content=abc> -->"),
        page("<" + "x" * 1_000_000 + "<meta name=csrf-token content=abc>"),
        Answer(200, (("Content-Type", "application/json"),), b"<meta name=csrf-token content=abc>"),
        head("a&#13;&#10;X: y"),
        head("a b"),
        head("ä"),
        head("x" * 100_000),
        Answer(404),
    ],
    ids=range(11),
)
def test_a_page_without_one_brings_none(answer: Answer) -> None:
    assert fetched(answer) is None


def test_of_several_the_first_counts() -> None:
    assert fetched(page("<meta name=csrf-token content=one><meta name=csrf-token content=two>")) == "one"


def test_an_error_page_that_holds_one_will_do() -> None:
    assert fetched(page("<meta name=csrf-token content=one>", status=404)) == "one"


@given(token=st.binary(min_size=32, max_size=32), pads=st.tuples(st.integers(0, 255), st.integers(0, 255)))
def test_rails_writes_one_token_in_many_ways(token: bytes, pads: tuple[int, int]) -> None:
    stale, again = masked(token, pads[0]), masked(token, pads[1])
    assert fetched(head(again), stale=stale) == stale
    urlsafe = again.replace("+", "-").replace("/", "_").rstrip("=")  # since Rails 6.1
    assert fetched(head(urlsafe), stale=stale) == stale
    other = masked(bytes([token[0] ^ 1]) + token[1:], pads[1])
    assert fetched(head(other), stale=stale) == other


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"&<>'), min_size=1))
def test_any_other_token_is_the_same_if_it_is_written_so(token: str) -> None:
    assert fetched(head(token), stale=f"{token}x") == token
    assert fetched(head(token), stale=token) == token


# --- calls -------------------------------------------------------------------------------------------------------


def test_a_call_carries_it_unless_the_application_has_set_its_own() -> None:
    assert MetaTag("/").headers("abc", call()) == {"X-CSRF-Token": "abc"}
    assert MetaTag("/").headers("abc", call(x_csrf_token="mine")) == {}


def test_the_pages_of_the_application_are_not_read() -> None:
    assert MetaTag("/").seen(call(), head("abc").to(SITE), lambda _: None) is None


def test_refused_by_a_status_that_may_be_a_denial_as_well() -> None:
    assert [each for each in range(100, 600) if MetaTag("/").refuses(Answer(each).to(SITE))] == [403, 419, 422]


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"page": "orders"}, "page"),
        ({"page": "//evil.example"}, "page"),
        ({"name": " "}, "name"),
        ({"name": None}, "name"),
        ({"header": "a b"}, "header"),
        ({"statuses": [500]}, "statuses"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_when_it_is_given(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingError, match=rf"^MetaTag\({named}[)=]"):
        MetaTag(**{"page": "/", **wrong})


def test_it_is_a_value() -> None:
    assert MetaTag("/", statuses=[403, 419, 422]) == MetaTag("/")
    assert len({MetaTag("/"), MetaTag("/a"), MetaTag("/", name="x")}) == 3
