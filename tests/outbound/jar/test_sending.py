"""Which cookies a request carries, and in which order: RFC 6265bis §5.1 and §5.8.

Many of these are situations that the suites of Go's `cookiejar`, of Chromium, tough-cookie, `cookie_store` and aiohttp
have found worth testing.
"""

from __future__ import annotations

import pytest

from sojourn.outbound.jar import Jar
from sojourn.outbound.jar.targets import target_of

NOW = 1_767_225_600.0


def filled(url: str, *set_cookies: str) -> Jar:
    jar = Jar()
    jar.receive(url, set_cookies, now=NOW)
    return jar


def names(jar: Jar, url: str, now: float = NOW) -> str:
    """The names that are sent, as `A B`."""
    header = jar.header(url, now=now)
    return "" if header is None else " ".join(pair.partition("=")[0] for pair in header.split("; "))


HOST = "http://www.host.test/"
ABCD = "http://a.b.c.d.com"


@pytest.mark.parametrize(
    ("set_cookie", "url", "sent"),
    [
        ("A=a", "http://www.host.test", True),
        ("A=a", "http://www.host.test/some/path", True),
        ("A=a", "https://www.host.test:8443/some/path?query#fragment", True),
        ("A=a", "HTTP://user:password@WWW.Host.TEST:80/", True),
        ("A=a", "ws://www.host.test/", True),
        ("A=a", "wss://www.host.test/", True),
        ("A=a", "ftp://www.host.test/", False),
        ("A=a", "data:www.host.test", False),
        ("A=a", "http://host.test/", False),
        ("A=a", "http://sibling.host.test/", False),
        ("A=a", "http://deep.www.host.test/", False),
        ("A=a", "http://www.host.test./", False),
        ("A=a", "http://test/", False),
        ("A=a", "http://www.host.test.evil.example/", False),
        ("A=a; domain=host.test", "http://host.test/", True),
        ("A=a; domain=.host.test", "http://host.test/", True),
        ("A=a; domain=HOST.test", "http://bar.host.test/", True),
        ("A=a; domain=host.test", "http://foo.www.host.test/", True),
        ("A=a; domain=host.test", "http://ahost.test/", False),
        ("A=a; domain=host.test", "http://test/", False),
        ("A=a; domain=host.test", "http://host.test.evil.example/", False),
        ("A=a; domain=www.host.test", "http://www.host.test/", True),
        ("A=a; domain=www.host.test", "http://host.test/", False),
        ("A=a; domain=www.host.test", "http://sub.www.host.test/", True),
    ],
)
def test_a_cookie_goes_to_the_hosts_of_its_domain(set_cookie: str, url: str, sent: bool) -> None:
    assert names(filled(HOST, set_cookie), url) == ("A" if sent else "")


@pytest.mark.parametrize(
    "domain",
    [
        ".yo.www.host.test",
        "host.example",
        "ost.test",
        "test",
        ".test",
        "..host.test",
        ".www.host.test.",
        "www.host.test..",
        "/",
        "http://www.host.test",
        "www.host.test:80",
        "www.host.test?blah",
        "www.host.test/blah",
        "www.host.test#sup",
        '"www.host.test"',
        "www.höst.test",
        "..",
    ],
)
def test_a_host_sets_none_for_a_domain_that_it_is_not_in(domain: str) -> None:
    assert len(filled(HOST, f"A=a; domain={domain}")) == 0


@pytest.mark.parametrize("domain", ["", ".", "  "])
def test_an_empty_domain_is_the_host_alone(domain: str) -> None:
    jar = filled(HOST, f"A=a; domain={domain}")
    assert (names(jar, HOST), names(jar, "http://deep.www.host.test/")) == ("A", "")


def test_a_cookie_for_each_domain_above_reaches_those_that_are_below_it() -> None:
    domains = ("a.b.c.d.com", ".b.c.d.com", "c.d.com", ".d.com")
    jar = filled(ABCD, *(f"{name}=1; domain={domain}" for name, domain in zip("abcd", domains, strict=True)))
    hosts = (ABCD, "http://b.c.d.com", "http://c.d.com", "http://d.com", "http://com")
    assert [names(jar, host) for host in hosts] == ["a b c d", "b c d", "c d", "d", ""]


@pytest.mark.parametrize(
    ("path", "url", "sent"),
    [
        ("/some/path", "http://www.host.test", False),
        ("/some/path", "http://www.host.test/some", False),
        ("/some/path", "http://www.host.test/some/path", True),
        ("/some/path", "http://www.host.test/some/path?query=/", True),
        ("/some/path", "http://www.host.test/some/paths", False),
        ("/some/path", "http://www.host.test/some/path/", True),
        ("/some/path", "http://www.host.test/some/path/foo", True),
        ("/some/path/", "http://www.host.test/some/path", False),
        ("/some/path/", "http://www.host.test/some/path/foo", True),
        ("/some/path", "http://www.host.test/SOME/path", False),
        ("/some//path", "http://www.host.test/some//path/foo", True),
        ("/some/p%61th", "http://www.host.test/some/path", False),
        ("/a;b", "http://www.host.test/a", True),
        ("/a=b", "http://www.host.test/a=b", True),
        ("/", "http://www.host.test", True),
        ("", "http://www.host.test/some/path", True),
        ("relative", "http://www.host.test/any", True),
        ("/caf%C3%A9", "http://www.host.test/café", True),
    ],
)
def test_a_cookie_goes_to_what_is_below_its_path(path: str, url: str, sent: bool) -> None:
    assert names(filled(HOST, f"A=a; path={path}"), url) == ("A" if sent else "")


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("", "/"),
        ("/", "/"),
        ("/abc", "/"),
        ("/abc/", "/abc"),
        ("/abc/xyz", "/abc"),
        ("/abc/xyz/", "/abc/xyz"),
        ("/a/b/c.html", "/a/b"),
        ("//", "/"),
        ("//foo/", "//foo"),
        ("/foo//", "/foo/"),
        ("/a//b", "/a/"),
        ("/a/../b", "/a/.."),
        ("/a?/b/c", "/"),
        ("/a#/b/c", "/"),
    ],
)
def test_the_default_path_is_the_folder_of_the_request(path: str, default: str) -> None:
    assert [fact.path for fact in filled(f"http://www.host.test{path}", "A=a")] == [default]


def test_longer_paths_come_first_and_then_those_that_were_set_first() -> None:
    paths = {"A": "/foo/bar", "X": "/foo/bar", "Y": "/foo/bar/baz/qux", "B": "/foo/bar/baz/qux", "Z": "/foo", "D": "/"}
    jar = filled(HOST, *(f"{name}=1; path={path}" for name, path in paths.items()))
    assert names(jar, "http://www.host.test/foo/bar/baz/qux") == "Y B A X Z D"
    assert names(jar, "http://www.host.test/foo/bar") == "A X Z D"


def test_the_order_is_that_of_time_when_they_came_one_after_the_other() -> None:
    jar = Jar()
    for number, name in enumerate("CAB"):
        jar.receive(HOST, [f"{name}=1"], now=NOW + number)
    jar.receive(HOST, ["C=2"], now=NOW + 9)
    assert jar.header(HOST, now=NOW + 9) == "C=2; A=1; B=1"


def test_one_name_is_sent_once_for_each_path_and_domain_that_it_has() -> None:
    jar = filled(
        HOST,
        "A=1; path=/",
        "A=2; path=/path",
        "A=3; path=/quux",
        "A=4; path=/path/foo",
        "A=5; domain=.host.test; path=/path",
        "A=7; domain=.host.test; path=/path/foo",
    )
    assert jar.header("http://www.host.test/path", now=NOW) == "A=2; A=5; A=1"
    assert jar.header("http://www.host.test/path/foo", now=NOW) == "A=4; A=7; A=2; A=5; A=1"
    assert jar.value("http://www.host.test/path", "A", now=NOW) == "2"


def test_the_order_is_not_that_of_a_clock_that_goes_back() -> None:
    jar = filled(HOST, "B=1")
    jar.receive(HOST, ["A=1"], now=NOW - 9)
    assert names(jar, HOST) == "B A"


def test_a_request_that_no_cookie_is_for_has_no_header() -> None:
    jar = filled(HOST, "A=a; path=/some")
    assert jar.header(HOST, now=NOW) is None
    assert Jar().header(HOST, now=NOW) is None


def test_a_secure_cookie_goes_over_tls_alone() -> None:
    jar = filled("https://www.host.test/", "A=a; Secure", "B=b")
    assert names(jar, "https://www.host.test/") == "A B"
    assert names(jar, "wss://www.host.test/") == "A B"
    assert names(jar, "http://www.host.test/") == "B"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "app.localhost",
        "localhost.",
        "app.localhost.",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]:8080",
    ],
)
def test_this_machine_is_trusted_as_tls_is(host: str) -> None:
    jar = filled(f"http://{host}/", "A=a; Secure", "__Host-B=b; Secure; Path=/")
    assert names(jar, f"http://{host}/") == "A __Host-B"


@pytest.mark.parametrize(
    "host", ["notlocalhost", "localhost.evil.example", "128.0.0.1", "127.1", "[::2]", "127.0.0.1.evil.example"]
)
def test_and_nothing_that_looks_like_it(host: str) -> None:
    assert len(filled(f"http://{host}/", "A=a; Secure")) == 0


@pytest.mark.parametrize("domain", ["localhost", ".localhost", ""])
def test_localhost_has_cookies_of_its_own(domain: str) -> None:
    jar = filled("http://localhost:8000/", f"A=a; domain={domain}")
    assert names(jar, "http://localhost:9000/") == "A"
    assert names(jar, "http://app.localhost/") == ""


@pytest.mark.parametrize(
    ("host", "domain", "stored"),
    [
        ("1.2.3.4", "", True),
        ("1.2.3.4", "1.2.3.4", True),
        ("1.2.3.4", "3.4", False),
        ("1.2.3.4", "4", False),
        ("[2001:db8::1]", "", True),
        ("[2001:DB8:0:0::1]", "[2001:db8::1]", True),
        ("[2001:db8::1]", ":1]", False),
    ],
)
def test_an_address_belongs_to_no_domain(host: str, domain: str, stored: bool) -> None:
    jar = filled(f"http://{host}:8080/foo", f"A=a; domain={domain}; path=/")
    assert len(jar) == stored
    assert names(jar, f"http://{host}/") == ("A" if stored else "")


def test_what_an_address_ends_in_is_no_domain_of_it() -> None:
    jar = filled("http://3.4/", "A=a; domain=3.4")
    assert (names(jar, "http://3.4/"), names(jar, "http://1.2.3.4/")) == ("A", "")


def test_an_address_has_one_form() -> None:
    assert names(filled("http://[2001:DB8:0:0::1]/", "A=a"), "http://[2001:db8::1]:81/") == "A"
    assert names(filled("http://[::ffff:1.2.3.4]/", "A=a"), "http://[::FFFF:102:304]/") == "A"


BOOKS = ("http://www.bücher.test/", "http://www.xn--bcher-kva.test/", "http://WWW.BÜCHER.test/")


@pytest.mark.parametrize("one", BOOKS)
@pytest.mark.parametrize("other", BOOKS)
def test_a_host_is_the_same_in_letters_and_in_ascii(one: str, other: str) -> None:
    assert names(filled(one, "A=a"), other) == "A"
    assert names(filled(one, "A=a; domain=xn--bcher-kva.test"), other.replace("www.", "sub.")) == "A"


def test_names_that_older_rules_took_for_one_are_two() -> None:
    assert names(filled("http://faß.test/", "A=a"), "http://fass.test/") == ""


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "www.host.test",
        "//www.host.test/",
        "http://",
        "http:///",
        "http://./",
        "http://../",
        "http://a..b/",
        "http://.host.test/",
        "http://[bad/",
        "http://[bad]/",
        "http://[::1]x]/",
        "http://a b/",
        "http://a%41/",
        "http://evil.test\\@www.host.test/",
        "http://www.host.test\\@evil.test/",
        "http://☃.test/",
        "http://\udc80.test/",
        f"http://{'a.' * 128}test/",
    ],
)
def test_what_is_no_place_for_cookies_has_none(url: str) -> None:
    jar = Jar()
    assert not jar.receive(url, ["A=a"], now=NOW)
    assert len(jar) == 0
    assert jar.header(url, now=NOW) is None
    assert jar.value(url, "A", now=NOW) is None


def test_a_path_may_hold_anything() -> None:
    assert names(filled(HOST, "A=a; path=/%ED%A0%80"), f"{HOST}\ud800/x") == "A"


def test_a_long_url_is_read_and_not_remembered() -> None:
    url = f"{HOST}{'x' * 10_000}"
    assert names(filled(url, "A=a"), url) == "A"
    assert target_of(HOST) is target_of(f"{HOST}?query")
    assert target_of(url) is not target_of(url)


def test_who_signs_in_by_the_url_is_no_host() -> None:
    assert names(filled("https://www.host.test/", "A=a"), "https://www.host.test%5C@evil.test/") == ""
    assert names(filled("https://www.host.test%5C@evil.test/", "A=a"), "https://www.host.test/") == ""


def test_a_header_is_made_anew_when_what_it_says_has_changed() -> None:
    jar = filled(HOST, "A=1", "B=1; max-age=10")
    headers = [jar.header(HOST, now=NOW), jar.header(HOST, now=NOW + 9), jar.header(HOST, now=NOW + 10)]
    jar.receive(HOST, ["A=2"], now=NOW + 11)
    headers.append(jar.header(HOST, now=NOW + 11))
    jar.clear()
    headers.append(jar.header(HOST, now=NOW + 11))
    assert headers == ["A=1; B=1", "A=1; B=1", "A=1", "A=2", None]


def test_many_urls_do_not_make_a_jar_grow() -> None:
    jar = filled(HOST, "A=1")
    assert {jar.header(f"{HOST}{number}", now=NOW) for number in range(2_000)} == {"A=1"}
    assert len(jar._made) <= 256
