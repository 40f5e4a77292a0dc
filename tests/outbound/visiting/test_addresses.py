"""What a page or an answer refers to."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.outbound.visiting.addresses import is_path, origin, path, resolved

BASE = "https://shop.example/app/page?x=1"


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        ("", "https://shop.example/app/page?x=1"),
        ("in", "https://shop.example/app/in"),
        ("/in?a=b#c", "https://shop.example/in?a=b"),
        ("?y=2", "https://shop.example/app/page?y=2"),
        ("../../..", "https://shop.example/"),
        ("HTTPS://Shop.Example:0443/In", "https://shop.example/In"),
        ("http://shop.example:80", "http://shop.example/"),
        ("http://shop.example:8080?a", "http://shop.example:8080/?a"),
        ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443/"),
        ("/a b/ü", "https://shop.example/a%20b/%C3%BC"),
        ("/a%20b", "https://shop.example/a%20b"),
        ("\t /in\n", "https://shop.example/in"),
        ("javascript:alert(1)", ""),
        ("mailto:a@b", ""),
        ("ftp://shop.example/", ""),
        ("https://a@shop.example/", ""),
        ("https://shop.example\\@evil.example/", ""),
        ("https://shop.example:port/", ""),
        ("https://shop.example:123456/", ""),
        ("https://[::1/", ""),
        ("https://\u017fhop.example/", ""),
        ("/" + "x" * 20_000, ""),
    ],
)
def test_a_reference_is_read_as_the_standard_says_or_not_at_all(reference: str, address: str) -> None:
    assert resolved(BASE, reference) == address


@given(st.text() | st.text("htps:/\\@.#?[]a1 \r\n\t%"))
def test_whatever_it_is_it_can_be_asked_for_and_everybody_sees_the_same_host(reference: str) -> None:
    address = resolved(BASE, reference)
    if address:
        parts = urlsplit(address)
        assert address.isascii()
        assert address.isprintable()
        assert " " not in address
        assert origin(address) == f"{parts.scheme}://{parts.netloc}"
        assert "@" not in parts.netloc
        assert "\\" not in parts.netloc
        assert resolved(address, address) == address


def test_a_path_is_without_query_and_parameters() -> None:
    assert path("https://shop.example/in;jsessionid=A?x=1") == "/in"
    assert path("/in?x") == "/in"
    assert path("https://shop.example") == "/"


@pytest.mark.parametrize(
    "text", ["//evil.example/", "/\t/evil.example/", "in", "", None, "https://evil.example/", "/a#b"]
)
def test_a_path_of_settings_stays_at_home(text: object) -> None:
    assert not is_path(text)
    assert is_path("/a/b?c=d")
