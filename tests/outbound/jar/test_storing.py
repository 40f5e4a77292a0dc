"""What becomes of a Set-Cookie: RFC 6265bis §5.6 and §5.7, as far as no published case shows it."""

from __future__ import annotations

import math

import pytest

from sojourn.outbound.jar import Fact, Jar

NOW = 1_767_225_600.0  # 2026-01-01
DAYS_400 = 400 * 24 * 3600
HTTP = "http://www.host.test/"
HTTPS = "https://www.host.test/"


def stored(*set_cookies: str | bytes, url: str = HTTPS) -> list[Fact]:
    jar = Jar()
    jar.receive(url, set_cookies, now=NOW)
    return list(jar)


def expiry(*attributes: str) -> float:
    (fact,) = stored("; ".join(("A=a", *attributes)))
    return fact.expires_at - NOW


# --- replacing and removing --------------------------------------------------------------------------------------


def test_the_last_of_several_of_one_name_counts_and_keeps_the_place_of_the_first() -> None:
    jar = Jar()
    jar.receive(HTTPS, ["A=1; Secure; HttpOnly", "B=1"], now=NOW)
    jar.receive(HTTPS, ["A=2", "A=3; SameSite=Lax"], now=NOW + 5)
    assert jar.header(HTTPS, now=NOW + 5) == "A=3; B=1"
    assert [(fact.created_at, fact.secure, fact.http_only, fact.same_site) for fact in jar if fact.name == "A"] == [
        (NOW, False, False, "Lax")
    ]


def test_a_cookie_for_the_host_and_one_for_its_domain_are_two() -> None:
    jar = Jar()
    jar.receive(HTTPS, ["A=1", "A=2; Domain=www.host.test", "A=3; Domain=.WWW.host.test"], now=NOW)
    assert jar.header(HTTPS, now=NOW) == "A=1; A=3"


@pytest.mark.parametrize(
    "attributes",
    [
        "Max-Age=0",
        "max-age=-1",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Expires=Wed, 01 Jan 2099 00:00:00 GMT; max-age=0",
    ],
)
def test_one_that_has_expired_removes_what_is_in_its_place_and_no_other(attributes: str) -> None:
    jar = Jar()
    jar.receive(HTTPS, ["A=1", "A=2; Path=/foo", "A=3; Domain=host.test"], now=NOW)
    assert jar.receive(HTTPS, [f"A=; {attributes}"], now=NOW)
    assert jar.header(f"{HTTPS}foo", now=NOW) == "A=2; A=3"
    assert not jar.receive(HTTPS, [f"A=; {attributes}"], now=NOW)
    assert not jar.receive("https://evil.test/", [f"A=; Domain=host.test; {attributes}"], now=NOW)
    assert len(jar) == 2


def test_it_may_come_again_at_the_same_instant() -> None:
    jar = Jar()
    assert jar.receive(HTTPS, ["A=; Max-Age=0", "A=1"], now=NOW)
    assert jar.header(HTTPS, now=NOW) == "A=1"


def test_it_says_whether_anything_has_changed() -> None:
    jar = Jar()
    answers = [
        jar.receive(HTTPS, each, now=NOW + second)
        for second, each in enumerate(
            [["A=1"], ["A=1"], [], ["A=2"], ["A=2; Max-Age=60"], ["A=2; Max-Age=60"], ["\0"], ["A=2"]]
        )
    ]
    assert answers == [True, False, False, True, True, True, False, True]


@pytest.mark.parametrize("attribute", ["HttpOnly", "Secure", "SameSite=Lax"])
def test_an_attribute_more_or_less_is_a_change(attribute: str) -> None:
    jar = Jar()
    jar.receive(HTTPS, ["A=1"], now=NOW)
    turns = [f"A=1; {attribute}", f"A=1; {attribute}", "A=1"]
    assert [jar.receive(HTTPS, [each], now=NOW) for each in turns] == [True, False, True]


def test_that_one_has_expired_is_a_change_as_well() -> None:
    jar = Jar()
    jar.receive(HTTPS, ["A=1; Max-Age=60", "B=1"], now=NOW)
    assert jar.receive(HTTPS, ["B=1"], now=NOW + 60)
    assert len(jar) == 1


# --- how long ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [
        ("Max-Age=1", 1),
        ("max-age=0060", 60),
        (f"Max-Age={DAYS_400}", DAYS_400),
        (f"Max-Age={DAYS_400 + 1}", DAYS_400),
        (f"Max-Age={'9' * 1024}", DAYS_400),
        ("Expires=Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Expires=Thu, 31 Dec 9999 23:59:59 GMT", DAYS_400),
        ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 60),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", 60),
        ("Max-Age=60; Max-Age=120", 120),
        ("Max-Age=60; Max-Age=", 60),
        ("Max-Age=60; Max-Age=+5", 60),
        ("Max-Age=60; Max-Age=5.0", 60),
        ("Max-Age=60; Max-Age=--5", 60),
        ("Max-Age=60; Max-Age=-", 60),
        ("Max-Age=60; Max-Age=5s", 60),
        ("Max-Age=60; Max-Age=\u0665", 60),
        (f"Max-Age=60; Max-Age={'0' * 1025}", 60),
        ("Expires=Thu, 01 Jan 2026 00:01:00 GMT; Expires=never", 60),
        ("Max-Age=never; Expires=Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Expires=", math.inf),
        ("Expires=never", math.inf),
        ("Max-Age=never", math.inf),
        ("Max-Age", math.inf),
        ("Expires", math.inf),
        ("Expires=Thu, 30 Feb 2026 00:00:00 GMT", math.inf),
        ("Expires=Thu, 01 Jan 1600 00:00:00 GMT", math.inf),
        ("MaxAge=1", math.inf),
    ],
)
def test_a_cookie_lives_as_long_as_it_says_and_400_days_at_most(attributes: str, seconds: float) -> None:
    assert expiry(attributes) == seconds


@pytest.mark.parametrize("seconds", ["0", "-0", "-1", f"-{'9' * 1000}", "000"])
def test_no_seconds_or_less_is_at_once(seconds: str) -> None:
    assert stored(f"A=a; Max-Age={seconds}") == []


def test_one_that_ends_at_this_instant_is_not_kept() -> None:
    assert stored("A=a; Expires=Thu, 01 Jan 2026 00:00:00 GMT") == []
    assert len(stored("A=a; Expires=Thu, 01 Jan 2026 00:00:01 GMT")) == 1


def test_the_oldest_dates_are_dates() -> None:
    assert stored("A=a; Expires=Mon, 01 Jan 1601 00:00:00 GMT") == []


# --- who may set what --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "attributes", "kept"),
    [
        ("__Secure-A", "Secure", True),
        ("__Secure-A", "Secure; Domain=host.test; Path=/x", True),
        ("__Secure-A", "", False),
        ("__SECURE-A", "HttpOnly", False),
        ("__Host-A", "Secure; Path=/", True),
        ("__host-a", "Secure; Path=/", True),
        ("__Host-A", "Secure", False),
        ("__Host-A", "Secure; Path", True),
        ("__Host-A", "Secure; Path=/x", False),
        ("__Host-A", "Secure; Path=/; Domain=www.host.test", False),
        ("__Host-A", "Secure; Path=/; Domain=", True),
        ("__HoSt-A", "Path=/", False),
        ("__Http-A", "Secure; HttpOnly", True),
        ("__Http-A", "Secure; HttpOnly; Domain=host.test", True),
        ("__http-A", "Secure", False),
        ("__Http-A", "HttpOnly", False),
        ("__Host-Http-A", "Secure; HttpOnly; Path=/", True),
        ("__Host-Http-A", "Secure; Path=/", False),
        ("__host-HTTP-A", "Secure; HttpOnly; Domain=host.test; Path=/", False),
        ("___Host-A", "", True),
        ("_Host-A", "", True),
    ],
)
def test_a_prefix_asks_for_what_it_promises(name: str, attributes: str, kept: bool) -> None:
    assert [fact.name for fact in stored(f"{name}=a; {attributes}")] == ([name] if kept else [])


@pytest.mark.parametrize("prefix", ["__Secure-", "__HOST-", "__Http-", "__host-http-"])
@pytest.mark.parametrize("written", ["{}A=1", "={}A=1", " = {}A=1", "{}A", "{}"])
def test_a_value_without_a_name_cannot_pose_as_a_prefixed_name(prefix: str, written: str) -> None:
    assert stored(written.format(prefix), url=HTTP) == []


def test_plain_http_sets_no_secure_cookie_and_no_prefixed_one() -> None:
    assert stored("A=a; Secure", "__Secure-B=b; Secure", "__Host-C=c; Secure; Path=/", url=HTTP) == []


@pytest.mark.parametrize(
    ("guarded", "url", "intruder", "kept"),
    [
        ("A=1; Secure", HTTP, "A=2", False),
        ("A=1; Secure", HTTP, "A=2; Path=/login", False),
        ("A=1; Secure", HTTP, "A=2; Max-Age=0", False),
        ("A=1; Secure", HTTP, "A=2; Domain=host.test", False),
        ("A=1; Secure; Domain=host.test", "http://other.host.test/", "A=2", False),
        ("A=1; Secure", "http://host.test/", "A=2; Domain=host.test", False),
        ("A=1; Secure", "http://host.test/", "A=2", False),
        ("A=1; Secure", "http://sub.www.host.test/", "A=2", False),
        ("A=1; Secure", "http://other.host.test/", "A=2", True),
        ("A=1; Secure; Path=/login", HTTP, "A=2; Path=/login", False),
        ("A=1; Secure; Path=/login", HTTP, "A=2; Path=/login/en", False),
        ("A=1; Secure; Path=/login", HTTP, "A=2; Path=/", True),
        ("A=1; Secure; Path=/login", HTTP, "A=2; Path=/foo", True),
        ("A=1; Secure", HTTP, "a=2", True),
        ("A=1", HTTP, "A=2", True),
        ("A=1; Secure", HTTPS, "A=2", True),
    ],
)
def test_what_came_over_tls_is_not_overlaid_by_what_did_not(guarded: str, url: str, intruder: str, kept: bool) -> None:
    jar = Jar()
    jar.receive(HTTPS, [guarded], now=NOW)
    assert jar.receive(url, [intruder], now=NOW) == kept
    assert any(fact.name == "A" and fact.secure for fact in jar) or url == HTTPS or guarded == "A=1"


def test_one_that_guarded_and_is_gone_guards_no_more() -> None:
    jar = Jar()
    jar.receive(HTTPS, ["A=1; Secure", "B=1; Secure; Max-Age=9", "C=1; Secure"], now=NOW)
    jar.receive(HTTPS, ["A=; Secure; Max-Age=0", "C=2"], now=NOW)
    assert jar.receive(HTTP, ["A=2", "B=2", "C=3"], now=NOW + 9)
    assert jar.header(HTTP, now=NOW + 9) == "C=3; A=2; B=2"


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        ("SameSite=None; Secure", "None"),
        ("SameSite=none", None),
        ("SameSite=STRICT", "Strict"),
        ("SameSite=lax", "Lax"),
        ("SameSite", "Default"),
        ("SameSite=Unknown", "Default"),
        ("", "Default"),
        ("SameSite=None; SameSite=Lax", "Lax"),
        ("SameSite=Lax; SameSite=Unknown", "Default"),
    ],
)
def test_same_site_is_read_and_none_asks_for_secure(attributes: str, kept: str | None) -> None:
    assert [fact.same_site for fact in stored(f"A=a; {attributes}")] == ([] if kept is None else [kept])


def test_what_is_same_site_is_sent_whatever_it_says() -> None:
    jar = Jar()
    jar.receive(HTTPS, ["A=1; SameSite=Strict", "B=1; SameSite=Lax", "C=1; SameSite=None; Secure"], now=NOW)
    assert jar.header(HTTPS, now=NOW) == "A=1; B=1; C=1"


def test_partitioned_changes_nothing() -> None:
    assert [fact.name for fact in stored("A=1; Secure; Path=/; Partitioned", "B=1; Partitioned")] == ["A", "B"]


# --- what is read of it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("set_cookie", "sent"),
    [
        ("A=", "A="),
        ("A", "A"),
        ("=A", "A"),
        ("A=b=c", "A=b=c"),
        ("A==", "A=="),
        (" A = b ", "A=b"),
        ("\tA\t=\tb\t", "A=b"),
        ("A=b c", "A=b c"),
        ("A=b\tc", "A=b\tc"),
        ('A="b"', 'A="b"'),
        ('A="b;c"', 'A="b'),
        ("A=b,c", "A=b,c"),
        ("A=%3B", "A=%3B"),
        ("A=b; B=c", "A=b"),
        ("A=b;;;;", "A=b"),
        ("A=b; Path=/;;;;", "A=b"),
        ("expires=b", "expires=b"),
        ("A=b; Domain", "A=b"),
        ("A=b;Domain=host.test;Domain=evil.test", None),
        ("A=b;Domain=evil.test;Domain=host.test", "A=b"),
        ("A=b;Path=/x;Path=/", "A=b"),
        ("A=b;Path=/;Path=/x", None),
        ("A=b; Path = / ", "A=b"),
        ("A=b; Path=/ x", None),
        ("A=b; PATH=/X", None),
        ("A=b; pathx=/x", "A=b"),
        ("A=b; x path=/x", "A=b"),
        ("", None),
        ("=", None),
        (" = ", None),
        ("; A=b", None),
        ("=; A=b", None),
    ],
)
def test_what_is_sent_is_what_was_set(set_cookie: str, sent: str | None) -> None:
    jar = Jar()
    jar.receive(HTTP, [set_cookie], now=NOW)
    assert jar.header(HTTP, now=NOW) == sent


@pytest.mark.parametrize("code", [*range(9), *range(10, 32), 127])
@pytest.mark.parametrize("written", ["A{}=a", "A=a{}", "A=a; Path=/{}", "A=a; x{}y"])
def test_a_control_character_anywhere_makes_it_void(code: int, written: str) -> None:
    assert stored(written.format(chr(code))) == []


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [(1, 4095, True), (4096, 0, True), (1, 4096, False), (4097, 0, False), (2048, 2048, True), (0, 4096, True)],
)
def test_name_and_value_have_4096_bytes_at_most(name: int, value: int, kept: bool) -> None:
    assert len(stored("a" * name + "=" + "b" * value)) == kept


def test_bytes_are_counted_and_not_characters() -> None:
    assert len(stored(("A=" + "é" * 2047).encode())) == 1
    assert len(stored(("A=" + "é" * 2048).encode())) == 0


@pytest.mark.parametrize("attribute", ["Path=/{}", "Domain={}.host.test", "Expires=Thu, 01 Jan 1970 00:00:00 GMT{}"])
def test_an_attribute_of_more_than_1024_bytes_is_not_there(attribute: str) -> None:
    longest = attribute.format("x" * (1024 - len(attribute.partition("=")[2]) + 2))
    assert [fact.path for fact in stored(f"A=a; {longest}x; HttpOnly")] == ["/"]
    assert [fact.path for fact in stored(f"A=a; {longest}; HttpOnly")] != ["/"]


def test_bytes_come_back_as_they_were() -> None:
    every = bytes(code for code in range(256) if (code >= 32 or code == 9) and code not in (59, 127)).strip(b"\t ")
    jar = Jar()
    jar.receive(HTTP, [b"A=" + every], now=NOW)
    header = jar.header(HTTP, now=NOW)
    assert header is not None
    assert header.encode("latin-1") == b"A=" + every


@pytest.mark.parametrize("decoded", ["A=\u6625\u8282", b"A=\xe6\x98\xa5\xe8\x8a\x82".decode("latin-1")])
def test_a_header_that_the_client_has_decoded_is_sent_as_it_came(decoded: str) -> None:
    jar = Jar()
    jar.receive(HTTP, [decoded], now=NOW)
    assert (jar.header(HTTP, now=NOW) or "").encode("latin-1") == "A=\u6625\u8282".encode()


def test_what_aiohttp_makes_of_bytes_that_are_no_utf_8_is_undone() -> None:
    jar = Jar()
    jar.receive(HTTP, [b"A=\xff\xfe".decode("utf-8", "surrogateescape")], now=NOW)
    assert (jar.header(HTTP, now=NOW) or "").encode("latin-1") == b"A=\xff\xfe"


def test_half_a_character_that_no_server_can_send_is_ignored() -> None:
    assert stored("A=\ud800") == []
