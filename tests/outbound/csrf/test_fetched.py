"""A token that is asked for in the header in which it comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.outbound.feeding import SITE, Answer, call, feed, redirect, sent

from sojourn.errors import SettingError
from sojourn.outbound.csrf import Fetched

if TYPE_CHECKING:
    from sojourn.outbound.messages import Request


def no_cookies(name: str) -> None:
    raise AssertionError(name)


def token(value: str, status: int = 200) -> Answer:
    return Answer(status, (("x-csrf-token", value),))


def fetched(*answers: Answer, dialect: Fetched | None = None, url: str = f"{SITE}orders") -> tuple[Any, list[str]]:
    asked: list[Request] = []
    steps = (dialect or Fetched()).fetch(f"{SITE}app/", call(url=url), no_cookies)
    got = feed(steps, *answers, asked=asked)
    assert all(sent(each)[(dialect or Fetched()).header.lower()] == "Fetch" for each in asked)
    return got, [f"{each.method} {each.url}" for each in asked]


# --- fetching ----------------------------------------------------------------------------------------------------


def test_it_is_asked_for_by_head_where_the_call_goes() -> None:
    assert fetched(token("abc=="), url=f"{SITE}orders?$filter=x#y") == ("abc==", ["HEAD https://shop.example/orders"])


@pytest.mark.parametrize(
    "answer", [Answer(405), Answer(501), Answer(403), Answer(404), Answer(200), token("Required", 403)]
)
def test_where_head_brings_none_it_is_asked_for_by_get(answer: Answer) -> None:
    assert fetched(answer, token("abc")) == (
        "abc",
        ["HEAD https://shop.example/orders", "GET https://shop.example/orders"],
    )


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500])
def test_a_token_that_comes_with_an_error_is_one(status: int) -> None:
    assert fetched(token("abc", status))[0] == "abc"


def test_who_is_not_signed_in_asks_once() -> None:
    assert fetched(Answer(401)) == (None, ["HEAD https://shop.example/orders"])


def test_a_back_end_that_gives_none_gives_none() -> None:
    assert fetched(Answer(), Answer())[0] is None


def test_a_path_and_a_header_may_be_set() -> None:
    dialect = Fetched("X-XSRF", path="/sap/opu/odata/sap/ORDERS/?sap-client=100")
    answer = Answer(200, (("X-Xsrf", "abc"),))
    assert fetched(answer, dialect=dialect) == (
        "abc",
        ["HEAD https://shop.example/sap/opu/odata/sap/ORDERS/?sap-client=100"],
    )


def test_the_client_of_an_sap_system_stays_and_a_batch_is_asked_of_its_service() -> None:
    url = f"{SITE}sap/ORDERS/$batch?$format=json&sap-client=100&x=%24"
    assert fetched(token("abc"), url=url)[1] == ["HEAD https://shop.example/sap/ORDERS/?sap-client=100"]


def test_a_redirect_is_followed_at_home_and_no_further() -> None:
    got, asked = fetched(redirect("/orders/", 301), token("abc"))
    assert (got, asked[1]) == ("abc", "HEAD https://shop.example/orders/")
    got, asked = fetched(redirect("https://evil.example/"), redirect("//evil.example/"))
    assert (got, len(asked)) == (None, 2)


@pytest.mark.parametrize("value", ["", "Fetch", "REQUIRED", "a\r\nX: y", "a b", "ä", "x" * 1_000_000])
def test_what_is_no_token_is_none(value: str) -> None:
    assert fetched(token(value), token(value))[0] is None


@given(st.text())
def test_whatever_comes_what_is_taken_can_be_sent(value: str) -> None:
    dialect = Fetched()
    got = dialect.seen(call(), token(value).to(SITE), no_cookies)
    assert got is None or (got.isascii() and got.isprintable() and " " not in got and got == value.strip())


# --- calls -------------------------------------------------------------------------------------------------------


def test_a_call_carries_it_unless_the_application_has_set_its_own() -> None:
    assert Fetched().headers("abc", call()) == {"X-CSRF-Token": "abc"}
    assert Fetched().headers("abc", call(x_csrf_token="mine")) == {}
    assert Fetched("X-XSRF").headers("abc", call(x_csrf_token="mine")) == {"X-XSRF": "abc"}


def test_one_that_the_application_fetched_is_seen() -> None:
    assert Fetched().seen(call("GET"), token("abc").to(SITE), no_cookies) == "abc"
    assert Fetched().seen(call("GET"), token("Required", 403).to(SITE), no_cookies) is None
    assert Fetched().seen(call("GET"), Answer().to(SITE), no_cookies) is None


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (token("Required", 403), True),
        (token("required ", 403), True),
        (Answer(403, (("X-CSRF-Token", "abc"), ("X-CSRF-Token", "REQUIRED"))), True),
        (Answer(403), False),
        (token("abc", 403), False),
        (token("Required", 200), False),
        (token("Required", 401), False),
    ],
)
def test_only_a_403_that_says_required_refuses_it(answer: Answer, refused: bool) -> None:
    assert Fetched().refuses(answer.to(SITE)) is refused


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"header": ""}, "header"),
        ({"header": "X-CSRF Token"}, "header"),
        ({"header": "a\r\nb"}, "header"),
        ({"path": "orders"}, "path"),
        ({"path": "//evil.example/"}, "path"),
        ({"path": "https://evil.example/"}, "path"),
        ({"path": ""}, "path"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_when_it_is_given(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingError, match=rf"^Fetched\({named}[)=]") as refused:
        Fetched(**wrong)
    assert str(refused.value).isprintable()


def test_it_is_a_value() -> None:
    assert Fetched() == Fetched("X-CSRF-Token")
    assert len({Fetched(), Fetched("X-XSRF"), Fetched(path="/")}) == 3
