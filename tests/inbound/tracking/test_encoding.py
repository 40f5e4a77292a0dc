"""Which URLs get the id, and where in them it stands."""

from __future__ import annotations

import re
import time
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sojourn.errors import SettingError
from sojourn.inbound.tracking.encoding import encoded
from sojourn.inbound.tracking.request import RequestDefaults
from sojourn.inbound.tracking.rewriting import Rewriting

pytestmark = pytest.mark.usefixtures("bare")

REWRITING = Rewriting()
ID = "A" * 43
ADDED = f"jsessionid={ID}.n1"


class Asked(RequestDefaults):
    """A request for a page of an application."""

    def __init__(
        self, path: str = "/shop/cart", *, mount: str = "/shop", scheme: str = "https", host: str = "shop.example"
    ) -> None:
        self.path = path
        self.method = "GET"
        self.cookies: list[bytes] = []
        self._told = scheme, mount, host

    @property
    def scheme(self) -> str:
        return self._told[0]

    @property
    def mount(self) -> str:
        return self._told[1]

    def header(self, name: bytes) -> list[bytes]:
        return [self._told[2].encode()] if name == b"host" else []


def encode(url: str, asked: Asked | None = None, *, rewriting: Rewriting = REWRITING, redirect: bool = False) -> str:
    return encoded(url, ADDED, rewriting, asked or Asked(), redirect=redirect)


@pytest.mark.parametrize(
    ("url", "with_id"),
    [
        ("/shop/pay", f"/shop/pay;{ADDED}"),
        ("/shop/pay?a=1#end", f"/shop/pay;{ADDED}?a=1#end"),
        ("/shop/pay#a?b", f"/shop/pay;{ADDED}#a?b"),
        ("/shop/pay?next=/a/b;c", f"/shop/pay;{ADDED}?next=/a/b;c"),
        ("/shop/pay;v=1?a", f"/shop/pay;v=1;{ADDED}?a"),
        ("/shop/", f"/shop/;{ADDED}"),
        ("/shop", f"/shop;{ADDED}"),
        ("pay", f"pay;{ADDED}"),
        ("./pay?a", f"./pay;{ADDED}?a"),
        ("../shop/pay", f"../shop/pay;{ADDED}"),
        ("/shop/a/..", f"/shop/a/../;{ADDED}"),
        ("/shop/a/%2E", f"/shop/a/%2E/;{ADDED}"),
        ("?page=2", f"cart;{ADDED}?page=2"),
        ("?", f"cart;{ADDED}?"),
        ("https://shop.example/shop/pay", f"https://shop.example/shop/pay;{ADDED}"),
        ("HTTPS://Shop.Example:443/shop/pay", f"HTTPS://Shop.Example:443/shop/pay;{ADDED}"),
        ("https://shop.example:/shop/pay", f"https://shop.example:/shop/pay;{ADDED}"),
        ("//shop.example/shop/pay?a", f"//shop.example/shop/pay;{ADDED}?a"),
        ("/shop/größe", f"/shop/größe;{ADDED}"),
        ("/shop/my cart", f"/shop/my cart;{ADDED}"),
    ],
)
def test_the_id_stands_at_the_end_of_the_path_before_query_and_fragment(url: str, with_id: str) -> None:
    assert encode(url) == with_id


@pytest.mark.parametrize(
    "url",
    [
        *("https://evil.example/shop/pay", "//evil.example/shop/pay", "///evil.example/shop", "////shop.example/shop"),
        *("https://shop.example.evil.example/shop", "https://shop.example@evil.example/shop", "https:///shop/pay"),
        *("https://user@shop.example/shop/pay", "https://shop.example:8443/shop/pay", "https://%73hop.example/shop"),
        *(
            "https:/shop/pay",
            "https:pay",
            "ftp://shop.example/shop/pay",
            "javascript:alert(1)",
            "mailto:a@shop.example",
        ),
        *("data:text/html,/shop/pay", "tel:1", "\\\\evil.example/shop", "/\\evil.example/shop", "/shop\\..\\x"),
        *("/\t/evil.example/shop", "/shop/\n", " //evil.example/shop", "/shop/pay ", "java\tscript:alert(1)"),
    ],
)
def test_urls_that_lead_out_of_the_application_or_seem_to_do_not_are_never_touched(url: str) -> None:
    for redirect in (False, True):
        assert encode(url, redirect=redirect) == url
        assert encode(url, Asked(mount=""), redirect=redirect) == url or url == "/shop/pay"


@pytest.mark.parametrize(
    "url",
    [
        *("/", "/pay", "/shopping", "/shop2/pay", "/shop/../pay", "/shop/%2e%2E/pay", "/shop/./a/../../pay"),
        *(
            "../pay",
            "..",
            "../../pay",
            "%2e%2e/pay",
            "https://shop.example",
            "https://shop.example/",
            "//shop.example/pay",
        ),
        *("/%73hop/pay", "/SHOP/pay"),
    ],
)
def test_urls_beside_the_path_of_the_application_are_left_alone(url: str) -> None:
    assert encode(url) == url


def test_an_application_at_the_root_has_the_whole_host() -> None:
    at_root = Asked("/cart", mount="")
    assert encode("https://shop.example", at_root) == f"https://shop.example/;{ADDED}"
    assert encode("https://shop.example?a=1", at_root) == f"https://shop.example/;{ADDED}?a=1"
    assert encode("/", at_root) == f"/;{ADDED}"
    assert encode("../../x", at_root) == f"../../x;{ADDED}"


def test_a_link_within_the_page_is_no_request_but_a_redirect_to_it_is() -> None:
    assert encode("") == ""
    assert encode("#end") == "#end"
    assert encode("", redirect=True) == f"cart;{ADDED}"
    assert encode("#end", redirect=True) == f"cart;{ADDED}#end"


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/shop/", f";{ADDED}?a"),
        ("/shop/a:b", f"./a:b;{ADDED}?a"),
        ("/shop/50% off?", f"50%25%20off%3F;{ADDED}?a"),
        ("/shop/größe", f"gr%C3%B6%C3%9Fe;{ADDED}?a"),
        ("/cart", f"cart;{ADDED}?a"),  # where the server has taken the mount off
    ],
)
def test_a_query_alone_is_one_to_the_same_page(path: str, link: str) -> None:
    assert encode("?a", Asked(path)) == link


def test_a_switch_of_protocol_is_encoded_only_where_that_is_wanted() -> None:
    switch = Rewriting(protocol_switch=True)
    assert encode("http://shop.example/shop/a") == "http://shop.example/shop/a"
    assert encode("http://shop.example/shop/a", rewriting=switch) == f"http://shop.example/shop/a;{ADDED}"
    assert encode("http://shop.example:81/shop/a", rewriting=switch) == "http://shop.example:81/shop/a"
    assert encode("http://evil.example/shop/a", rewriting=switch) == "http://evil.example/shop/a"
    plain = Asked(scheme="http", host="shop.example:8080")
    assert encode("https://shop.example/shop/a", plain, rewriting=switch) == f"https://shop.example/shop/a;{ADDED}"
    assert encode("http://shop.example:8080/shop/a", plain) == f"http://shop.example:8080/shop/a;{ADDED}"


def test_who_cannot_tell_its_own_address_encodes_paths_alone() -> None:
    for asked in (Asked(scheme=""), Asked(host="")):
        assert encode("https://shop.example/shop/a", asked) == "https://shop.example/shop/a"
        assert encode("//shop.example/shop/a", asked) == "//shop.example/shop/a"
        assert encode("/shop/a", asked) == f"/shop/a;{ADDED}"


def test_an_address_of_numbers_is_compared_with_its_port() -> None:
    asked = Asked(scheme="http", host="[::1]:8080")
    assert encode("http://[::1]:8080/shop/a", asked) == f"http://[::1]:8080/shop/a;{ADDED}"
    assert encode("http://[::1]/shop/a", asked) == "http://[::1]/shop/a"


def test_what_would_lead_elsewhere_without_a_parameter_keeps_it() -> None:
    at_root = Asked(mount="")
    for url in (f"/;jsessionid={ID}/evil.example", f";jsessionid={ID}//evil.example", f"/a/..;jsessionid={ID}/b"):
        assert encode(url, at_root) == f"{url};{ADDED}"


def test_an_id_of_before_is_replaced() -> None:
    old = f"jsessionid={'B' * 43}"
    assert encode(f"/shop/a;{old}?q") == f"/shop/a;{ADDED}?q"
    assert encode(f"/shop/a;{old};v=1") == f"/shop/a;v=1;{ADDED}"
    assert encode(f"/shop/a;{old}/b;jsessionid-route=n2") == f"/shop/a/b;{ADDED}"


@pytest.mark.parametrize(
    ("path", "routed", "found"),
    [
        (f"/a;jsessionid={ID}", "/a", [("jsessionid", ID)]),
        (f"/a;jsessionid={ID}.n1;v=1", "/a;v=1", [("jsessionid", f"{ID}.n1")]),
        (f"/a;jsessionid={ID}/b;jsessionid-route=n1", "/a/b", [("jsessionid", ID), ("jsessionid-route", "n1")]),
        (f"/;jsessionid={ID}", "/", [("jsessionid", ID)]),
        ("/a;jsessionid=", "/a", [("jsessionid", "")]),
        (f"/a/..;jsessionid={ID}/admin", f"/a/..;jsessionid={ID}/admin", []),
        (f"/a/..;jsessionid={ID}", f"/a/..;jsessionid={ID}", []),
        (f"/;jsessionid={ID}/evil.example", f"/;jsessionid={ID}/evil.example", []),
        (f"/a/.;jsessionid={ID}/b;jsessionid=x", f"/a/.;jsessionid={ID}/b", [("jsessionid", "x")]),
        ("/a;jsessionid", "/a;jsessionid", []),
        ("/a;JSESSIONID=x", "/a;JSESSIONID=x", []),
        ("/a;xjsessionid=x", "/a;xjsessionid=x", []),
        ("/jsessionid=x", "/jsessionid=x", []),
    ],
)
def test_the_parameter_is_taken_out_of_the_path(path: str, routed: str, found: list[tuple[str, str]]) -> None:
    bare, parameters = REWRITING.take_out(path)
    assert (bare, list(parameters)) == (routed, found)


@pytest.mark.parametrize(
    ("target", "logged"),
    [
        (f"/a;jsessionid={ID}?jsessionid=1", "/a?jsessionid=1"),
        (f"/a%3Bjsessionid%3D{ID}/b", "/a/b"),
        (f"/a%3bjsessionid={ID}%2Fb?q", "/a%2Fb?q"),
        (f"/a;jsessionid={ID}%3Bv=1", "/a%3Bv=1"),
        ("/a/%2e.;jsessionid=x/admin", "/a/%2e.;jsessionid=x/admin"),
        ("/a?b;jsessionid=1", "/a?b;jsessionid=1"),
    ],
)
def test_a_target_is_logged_without_it(target: str, logged: str) -> None:
    assert REWRITING.scrub(target) == logged


@pytest.mark.parametrize("name", ["", "a;b", "a=b", "a/b", "a b", "é", "x" * 65, None])
def test_a_name_that_could_not_be_told_from_the_path_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match="name"):
        Rewriting(name=name)


def test_settings_of_another_kind_are_refused() -> None:
    with pytest.raises(SettingError, match="always_encode"):
        Rewriting(always_encode="no")  # type: ignore[arg-type]


# --- whatever is given -----------------------------------------------------------------------------------------------

PIECES = (
    *("/", "//", "/shop", "shop", "pay", "..", ".", "%2e", "%2E%2e", "?", "#", ";", "=", ":", "@", "\\", "\t", " "),
    *("http:", "https:", "javascript:", "shop.example", "evil.example", ":443", ":80", "é", "%", "%25", "[::1]"),
    *(f"jsessionid={ID}", f";jsessionid={ID}", ";jsessionid=x", ";jsessionid-route=n2", ";v=1", "a:b"),
)
URLS = st.lists(st.sampled_from(PIECES), max_size=9).map("".join) | st.text(max_size=30)
MOUNTS = st.sampled_from(["", "/shop", "/shop/a"])
PATHS = st.sampled_from(["/shop/a/", "/shop/a/b:c", "/shop/a/50%", "/shop/a/größe", "/shop/a/b/c"])


@given(URLS, MOUNTS, PATHS, st.booleans(), st.booleans())
@example("///", "", "/shop/cart", True, True)
def test_to_encode_twice_is_to_encode_once(url: str, mount: str, path: str, switch: bool, redirect: bool) -> None:
    rewriting = Rewriting(protocol_switch=switch)
    asked = Asked(path, mount=mount)
    once = encode(url, asked, rewriting=rewriting, redirect=redirect)
    assert encode(once, asked, rewriting=rewriting, redirect=redirect) == once


@given(URLS, MOUNTS, PATHS, st.booleans())
def test_what_got_the_id_leads_to_the_same_page_of_this_application(
    url: str,
    mount: str,
    path: str,
    redirect: bool,
) -> None:
    asked = Asked(path, mount=mount)
    got = encode(url, asked, redirect=redirect)
    if got == url:
        return
    here = "https://shop.example" + re.sub(r"[^ -~]|%", _escape, path)
    there, meant = urlsplit(urljoin(here, _with_dots(got))), urlsplit(urljoin(here, _with_dots(url)))
    assert (there.hostname, there.scheme) == ("shop.example", "https")
    assert REWRITING.take_out(there.path)[1] == [("jsessionid", f"{ID}.n1")]
    assert (there.query, there.fragment) == (meant.query, meant.fragment)
    if "//" in urlsplit(got).path or ";" in url:
        return  # urljoin drops empty steps, and takes what is behind ; for no part of a name; browsers do neither
    assert f"{there.path}/".replace(";", "/").startswith(f"{mount}/")
    assert REWRITING.take_out(there.path)[0].rstrip("/") == meant.path.rstrip("/")


@pytest.mark.parametrize("piece", [";jsessionid=", "/../", ";", "%3Bjsessionid=", "%3", "//", "a:", ".", f";{ADDED}"])
def test_a_megabyte_takes_no_longer_than_it_should(piece: str) -> None:
    url = "/shop" + piece * (1_000_000 // len(piece))
    began = time.process_time()
    encode(url)
    REWRITING.take_out(url)
    REWRITING.scrub(url)
    assert time.process_time() - began < 5


def _with_dots(url: str) -> str:
    """As browsers read it, which take %2e for a dot where urljoin does not."""
    front, mark, rest = re.sub(r"[?#]", lambda found: f"\0{found[0]}", url, count=1).partition("\0")
    dots = re.compile(r"(?<![^/])(?:%2e|\.){1,2}(?![^/])", re.IGNORECASE)
    return dots.sub(lambda found: re.sub("%2[eE]", ".", found[0]), front) + mark.strip("\0") + rest


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())
