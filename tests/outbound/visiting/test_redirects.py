"""Going where answers send to, at home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.outbound.feeding import SITE, Answer, feed, redirect, sent

from sojourn.outbound.messages import Request
from sojourn.outbound.visiting.redirects import follow

if TYPE_CHECKING:
    from sojourn.outbound.messages import Response


def followed(request: Request, *answers: Answer) -> tuple[Response, list[Request]]:
    asked: list[Request] = []
    response: Response = feed(follow(request), *answers, asked=asked)
    return response, asked


def request(method: str, **more: Any) -> Request:
    return Request(method=method, url=f"{SITE}a/b", **more)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_what_was_sent_is_not_sent_to_where_a_form_leads(status: int) -> None:
    post = request("POST", headers=(("Content-Type", "text/plain"), ("X-Secret", "s3cret")), body=b"s3cret")
    response, asked = followed(post, redirect("../c", status), Answer(204))
    assert (response.status, response.url) == (204, f"{SITE}c")
    assert (asked[1].method, asked[1].body) == ("GET", b"")
    assert set(sent(asked[1])) == {"accept"}


@pytest.mark.parametrize("status", [307, 308])
def test_or_it_is_where_the_answer_says_so(status: int) -> None:
    post = request("POST", headers=(("Content-Type", "text/plain"),), body=b"form")
    asked = followed(post, redirect("c", status), Answer())[1]
    assert (asked[1].method, asked[1].url, asked[1].body) == ("POST", f"{SITE}a/c", b"form")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_fetched_is_fetched_there_in_the_same_way(method: str) -> None:
    asked = followed(request(method, headers=(("X-CSRF-Token", "Fetch"),)), redirect("/c"), Answer())[1]
    assert (asked[1].method, sent(asked[1])) == (method, {"x-csrf-token": "Fetch"})


@pytest.mark.parametrize("answer", [Answer(304), Answer(200, (("Location", "/c"),)), Answer(302), redirect("")])
def test_what_leads_nowhere_is_the_answer(answer: Answer) -> None:
    assert followed(request("GET"), answer)[0].status == answer.status


def test_after_ten_redirects_the_next_is_the_answer() -> None:
    response, asked = followed(request("GET"), *[redirect(f"/{number}") for number in range(11)])
    assert (response.status, len(asked)) == (302, 11)


def test_nothing_is_sent_beyond_the_origin() -> None:
    for location in ("https://evil.example/", "http://shop.example/", "//shop.example:8443/"):
        response, asked = followed(request("POST", body=b"s3cret"), redirect(location, 307))
        assert (response.status, len(asked)) == (307, 1)


def test_the_trail_is_where_it_went_to() -> None:
    trail: list[Request] = []
    feed(follow(request("GET"), trail), redirect("/c"), redirect("https://evil.example/"))
    assert [each.url for each in trail] == [f"{SITE}c"]
