"""A token that is the value of a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.outbound.feeding import SITE, Answer, call, page, redirect

from sojourn.errors import SettingError
from sojourn.outbound.csrf import DoubleSubmit

if TYPE_CHECKING:
    from collections.abc import Callable

LARAVEL = DoubleSubmit("XSRF-TOKEN", "X-XSRF-TOKEN", page="/sanctum/csrf-cookie")


def jar(**cookies: str) -> Callable[[str], str | None]:
    return lambda name: cookies.get(name.replace("-", "_"))


def fetched(
    before: str | None,
    *answers: tuple[Answer, str | None],
    dialect: DoubleSubmit | None = None,
    stale: str | None = None,
) -> tuple[str | None, list[str]]:
    """`answers`: each with what the cookie is after it."""
    dialect = dialect or DoubleSubmit()
    value, asked = before, list[str]()
    steps = dialect.fetch(f"{SITE}app/", call(), lambda name: value if name == dialect.cookie else None, stale)
    left = list(answers)
    try:
        request = next(steps)
        while True:
            asked.append(f"{request.method} {request.url}")
            answer, value = left.pop(0)
            request = steps.send(answer.to(request.url))
    except StopIteration as stop:
        assert not left
        return stop.value, asked


# --- fetching ----------------------------------------------------------------------------------------------------


def test_the_cookie_that_is_there_is_the_token() -> None:
    assert fetched("abc") == ("abc", [])


def test_where_there_is_none_a_page_sets_it() -> None:
    assert fetched(None, (page("hello"), "abc")) == ("abc", ["GET https://shop.example/"])
    assert fetched(None, (Answer(204), "a%3D%3D"), dialect=LARAVEL) == (
        "a==",
        ["GET https://shop.example/sanctum/csrf-cookie"],
    )


def test_in_the_place_of_a_stale_one_a_page_sets_another() -> None:
    assert fetched("old", (page("hello"), "new"), stale="old") == ("new", ["GET https://shop.example/"])
    assert fetched("old", (page("hello"), "old"), stale="old")[0] == "old"  # so it was a denial


def test_one_that_came_meanwhile_needs_no_page() -> None:
    assert fetched("new", stale="old") == ("new", [])


def test_a_page_that_sets_none_brings_none() -> None:
    assert fetched(None, (Answer(404), None))[0] is None


def test_a_redirect_is_followed_at_home_and_no_further() -> None:
    assert fetched(None, (redirect("/home"), None), (page("hello"), "abc"))[1][1] == "GET https://shop.example/home"
    assert fetched(None, (redirect("https://evil.example/"), None)) == (None, ["GET https://shop.example/"])


@pytest.mark.parametrize("value", ["", "a%0d%0aX:%20y", "a b", "ä", "%C3%A4", "%ff", "x" * 1_000_000])
def test_what_cannot_be_sent_is_no_token(value: str) -> None:
    assert fetched(value, (Answer(), value))[0] is None
    assert DoubleSubmit().seen(call(), Answer().to(SITE), jar(csrftoken=value)) is None


@given(st.text())
def test_whatever_the_cookie_holds_what_is_taken_can_be_sent(value: str) -> None:
    got = DoubleSubmit().seen(call(), Answer().to(SITE), jar(csrftoken=value))
    assert got is None or (got.isascii() and got.isprintable() and " " not in got)


# --- calls -------------------------------------------------------------------------------------------------------


def test_over_https_a_referer_of_the_back_end_goes_with_it() -> None:
    assert DoubleSubmit().headers("abc", call()) == {"X-CSRFToken": "abc", "Referer": "https://shop.example/"}
    assert DoubleSubmit().headers("abc", call(url="http://shop.example:8000/")) == {"X-CSRFToken": "abc"}


def test_nothing_that_the_application_has_set_is_replaced() -> None:
    assert DoubleSubmit().headers("abc", call(x_csrftoken="mine", referer="https://shop.example/cart")) == {}
    assert DoubleSubmit().headers("abc", call(origin="https://shop.example")) == {"X-CSRFToken": "abc"}
    assert LARAVEL.headers("abc", call(url="http://shop.example/")) == {"X-XSRF-TOKEN": "abc"}


def test_the_cookie_is_seen_as_it_is_now() -> None:
    assert LARAVEL.seen(call(), Answer().to(SITE), jar(XSRF_TOKEN="a%3D")) == "a="
    assert LARAVEL.seen(call(), Answer().to(SITE), jar(csrftoken="abc")) is None


def test_refused_by_a_status_that_may_be_a_denial_as_well() -> None:
    refused = [each for each in range(100, 600) if DoubleSubmit().refuses(Answer(each).to(SITE))]
    assert refused == [403, 419]
    assert DoubleSubmit(statuses=[400]).refuses(Answer(400).to(SITE))


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"cookie": ""}, "cookie"),
        ({"cookie": "a=b"}, "cookie"),
        ({"header": "a b"}, "header"),
        ({"page": "login"}, "page"),
        ({"page": "//evil.example/"}, "page"),
        ({"statuses": []}, "statuses"),
        ({"statuses": 403}, "statuses"),
        ({"statuses": "403"}, "statuses"),
        ({"statuses": [200]}, "statuses"),
        ({"statuses": [401]}, "statuses"),
        ({"statuses": [True]}, "statuses"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_when_it_is_given(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingError, match=rf"^DoubleSubmit\({named}[)=]"):
        DoubleSubmit(**wrong)


def test_it_is_a_value() -> None:
    assert DoubleSubmit(statuses=[403, 419]) == DoubleSubmit()
    assert len({DoubleSubmit(), LARAVEL}) == 2
