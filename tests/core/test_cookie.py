"""The cookie that is set: exact bytes, and settings that browsers would refuse are refused first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import Cookie
from sojourn.core.cookies import values
from sojourn.core.ids import SessionId
from sojourn.errors import SettingError

GONE = b"; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"

WRITTEN: list[tuple[dict[str, Any], bytes]] = [
    ({}, b"; Path=/; Secure; HttpOnly; SameSite=Lax"),
    ({"same_site": "Strict"}, b"; Path=/; Secure; HttpOnly; SameSite=Strict"),
    ({"same_site": "None"}, b"; Path=/; Secure; HttpOnly; SameSite=None"),
    ({"http_only": False}, b"; Path=/; Secure; SameSite=Lax"),
    ({"partitioned": True}, b"; Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned"),
    ({"name": "sid", "secure": False}, b"; Path=/; HttpOnly; SameSite=Lax"),
    ({"name": "sid", "path": "/shop"}, b"; Path=/shop; Secure; HttpOnly; SameSite=Lax"),
    (
        {"name": "__Secure-sid", "domain": "example.org"},
        b"; Path=/; Domain=example.org; Secure; HttpOnly; SameSite=Lax",
    ),
    ({"name": "__Http-sid", "path": "/a b"[:2]}, b"; Path=/a; Secure; HttpOnly; SameSite=Lax"),
]


@pytest.mark.parametrize(("settings", "attributes"), WRITTEN)
def test_a_cookie_is_set_in_exactly_these_bytes(settings: dict[str, Any], attributes: bytes) -> None:
    cookie = Cookie(**settings)
    name = cookie.name.encode()
    assert cookie.set(cookie.name, "abc") == name + b"=abc" + attributes
    assert cookie.set(cookie.version_name, "12") == name + b"-v=12" + attributes


@pytest.mark.parametrize(("settings", "attributes"), WRITTEN)
def test_clearing_repeats_every_attribute(settings: dict[str, Any], attributes: bytes) -> None:
    # R11: a browser keeps a cookie of other attributes.
    cookie = Cookie(**settings)
    name = cookie.name.encode()
    assert cookie.clear(cookie.name) == name + b"=" + GONE + attributes
    assert cookie.clear(cookie.version_name) == name + b"-v=" + GONE + attributes


def test_an_age_is_written_when_it_is_set_and_not_when_it_is_cleared() -> None:
    cookie = Cookie(max_age=3600)
    assert cookie.set("__Host-id", "x") == b"__Host-id=x; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert cookie.clear("__Host-id").count(b"Max-Age") == 1


def test_the_development_cookie_works_on_plain_http() -> None:
    cookie = Cookie.development()
    assert cookie.set(cookie.name, "x") == b"id=x; Path=/; HttpOnly; SameSite=Lax"
    assert not cookie.prefixed


def test_a_full_cookie_is_small_enough_for_every_browser() -> None:
    # R07, RFC 6265bis §5.6: name and value together at most 4,096 bytes
    cookie = Cookie()
    assert len(cookie.name) + len(SessionId.new().secret) <= 4096
    assert len(cookie.version_name) + 15 <= 4096


REFUSED: dict[str, dict[str, Any]] = {
    "no name": {"name": ""},
    "a space in the name": {"name": "a b"},
    "an equals sign in the name": {"name": "a=b"},
    "a semicolon in the name": {"name": "a;b"},
    "a comma in the name": {"name": "a,b"},
    "a line break in the name": {"name": "a\r\nSet-Cookie: b"},
    "a line break after the name": {"name": "a\n"},
    "NUL in the name": {"name": "a\0"},
    "no ASCII in the name": {"name": "ä"},
    "a quote in the name": {"name": 'a"'},
    "brackets in the name": {"name": "a[0]"},
    "no path": {"name": "a", "path": ""},
    "a relative path": {"name": "a", "path": "shop"},
    "a semicolon in the path": {"name": "a", "path": "/;Domain=evil"},
    "a line break in the path": {"name": "a", "path": "/\r\nX-Evil: 1"},
    "a line feed after the path": {"name": "a", "path": "/\n"},
    "NUL in the path": {"name": "a", "path": "/\0"},
    "a space in the path": {"name": "a", "path": "/a b"},
    "no ASCII in the path": {"name": "a", "path": "/ä"},
    "an empty domain": {"name": "a", "domain": ""},
    "a semicolon in the domain": {"name": "a", "domain": "a;b"},
    "a line break in the domain": {"name": "a", "domain": "a\r\nX-Evil: 1"},
    "a line feed after the domain": {"name": "a", "domain": "a.org\n"},
    "NUL in the domain": {"name": "a", "domain": "a\0"},
    "no SameSite": {"same_site": None},
    "another SameSite": {"same_site": "lax"},
    "a line break in SameSite": {"same_site": "Lax\r\nX-Evil: 1"},
    "no age": {"max_age": 0},
    "a negative age": {"max_age": -1},
    "__Host- without Secure": {"secure": False},
    "__host- without Secure": {"name": "__host-id", "secure": False},
    "__Secure- without Secure": {"name": "__Secure-id", "secure": False},
    "__Http- without Secure": {"name": "__Http-id", "secure": False},
    "SameSite=None without Secure": {"name": "id", "secure": False, "same_site": "None"},
    "Partitioned without Secure": {"name": "id", "secure": False, "partitioned": True},
    "__Host- with a path": {"path": "/shop"},
    "__HOST- with a path": {"name": "__HOST-id", "path": "/shop"},
    "__Host- with a domain": {"domain": "example.org"},
    "__Host-Http- with a domain": {"name": "__Host-Http-id", "domain": "example.org"},
    "__Http- for scripts": {"name": "__Http-id", "http_only": False},
    "__Host-Http- for scripts": {"name": "__Host-Http-id", "http_only": False},
    "a name as long as a cookie": {"name": "a" * 4097},
    "an age that is no number of seconds": {"max_age": "3600\r\nX-Evil: 1"},
    "an age in parts of a second": {"max_age": 1.5},
}


@pytest.mark.parametrize("settings", REFUSED.values(), ids=REFUSED.keys())
def test_a_cookie_that_cannot_work_is_refused_when_it_is_given(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError) as caught:
        Cookie(**settings)
    assert str(caught.value).startswith("Cookie(name=")
    assert "\n" not in str(caught.value)
    assert "\r" not in str(caught.value)


@pytest.mark.parametrize(
    "evil", ["a\rb", "a\nb", "a\0b", "a;b", "a\r\nSet-Cookie: x=y", "a b\u2028", "ä", "a\x7f", 'a"', "a,b"]
)
def test_a_value_that_could_break_the_header_is_refused(evil: str) -> None:
    cookie = Cookie()
    for name, value in ((cookie.name, evil), (evil, "x")):
        with pytest.raises(SettingError, match=r"visible ASCII"):
            cookie.set(name, value)


def test_a_cookie_that_browsers_would_drop_for_its_length_is_refused() -> None:
    cookie = Cookie()
    assert cookie.set("id", "x" * 4094).startswith(b"id=xxx")
    with pytest.raises(SettingError):
        cookie.set("id", "x" * 4095)


@pytest.mark.parametrize(
    ("name", "prefixed"),
    [("__Host-id", True), ("__host-id", True), ("__HOST-HTTP-x", True), ("__Secure-id", False), ("id", False)],
)
def test_a_guarded_name_is_known_by_its_prefix(name: str, prefixed: bool) -> None:
    assert Cookie(name=name).prefixed is prefixed


@given(st.text(max_size=8), st.text(max_size=8), st.one_of(st.none(), st.text(max_size=8)))
def test_whatever_is_accepted_makes_one_header(name: str, path: str, domain: str | None) -> None:
    try:
        cookie = Cookie(name=name, path=path, domain=domain)
    except SettingError:
        return
    for header in (cookie.set(cookie.name, "x"), cookie.clear(cookie.name)):
        assert all(0x20 <= byte < 0x7F for byte in header)
        first, *attributes = header.split(b"; ")
        assert first.partition(b"=")[0] == name.encode()
        assert b"Path=" + path.encode() in attributes
        assert header.count(b";") == len(attributes)


@given(st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", fullmatch=True))
def test_a_cookie_that_was_set_is_read_under_its_name(name: str) -> None:
    try:
        cookie = Cookie(name=name)
    except SettingError:
        return
    secret = SessionId.new().secret
    sent = cookie.set(cookie.name, secret).partition(b";")[0]
    version = cookie.set(cookie.version_name, "7").partition(b";")[0]
    assert values([version + b"; " + sent], name.encode()) == [secret.encode()]
    assert values([version + b"; " + sent], cookie.version_name.encode()) == [b"7"]
