"""What a hostile back end can send: nothing raises, nothing grows, nothing takes longer than its bytes are many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.outbound.jar import Jar, merged
from sojourn.outbound.jar.dates import parsed

NOW = 1_767_225_600.0
URL = "https://www.host.test/app/page"
MEGABYTE = 1 << 20

pytestmark = pytest.mark.timeout(60)  # all of these take milliseconds; what is quadratic would take hours

LONG = {
    "value": "A=" + "a" * MEGABYTE,
    "name": "A" * MEGABYTE,
    "spaces": "A=" + " " * MEGABYTE,
    "spaces around": " " * MEGABYTE + "A=a" + " " * MEGABYTE,
    "tabs before an attribute": "A=a;" + "\t" * MEGABYTE + "Path=/",
    "spaces after an attribute": "A=a; Path" + " " * MEGABYTE + "=/",
    "spaces in an attribute": "A=a; Path=/" + " " * MEGABYTE,
    "an attribute": "A=a; Path=/" + "x" * MEGABYTE,
    "semicolons": "A=a" + ";" * MEGABYTE,
    "semicolons and spaces": "A=a" + "; " * (MEGABYTE // 2),
    "equals signs": "A" + "=" * MEGABYTE,
    "attributes": "A=a" + ";path=/x" * (MEGABYTE // 8),
    "dates": "A=a" + ";expires=Thu, 01 Jan 2099 00:00:00 GMT" * (MEGABYTE // 39),
    "ages": "A=a" + (";max-age=" + "9" * 1000) * (MEGABYTE // 1009),
    "domains": "A=a" + ";domain=host.test" * (MEGABYTE // 17),
    "half names": "A=a" + ";expire" * (MEGABYTE // 7),
    "control characters": "A=a" + "\0" * MEGABYTE,
    "beyond latin-1": "A=" + "\u6625" * MEGABYTE,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_a_megabyte_is_read_in_one_go(text: str) -> None:
    jar = Jar()
    for each in (text, text.encode()):
        jar.receive(URL, [each], now=NOW)
    assert len(jar) <= 1
    assert len(jar.header(URL, now=NOW) or "") <= 4_097


@pytest.mark.parametrize("token", ["0", "00:00:00", ":", "1 ", "00:", "jan", "jan ", "\xff", ","])
def test_a_long_date_is_read_in_one_go(token: str) -> None:
    parsed(token * (MEGABYTE // len(token)))


def test_10_000_cookies_at_once_leave_50() -> None:
    jar = Jar()
    jar.receive(URL, [f"c{number}={'v' * 100}; Max-Age={number + 1}" for number in range(10_000)], now=NOW)
    assert len(jar) == 50


def test_10_000_one_after_the_other_leave_50() -> None:
    jar = Jar()
    for number in range(10_000):
        jar.receive(URL, [f"c{number}=1; Max-Age={10_000 - number}"], now=NOW)
        jar.header(URL, now=NOW)
    assert len(jar) == 50


LABELS = "a." * 120 + "host.test"
DOMAINS = [LABELS[2 * level :] for level in range(121)]


def crowded(attributes: str) -> Jar:
    """One with as much as a single host can put there, of one name and for many paths."""
    jar = Jar()
    for domain in DOMAINS[:70]:
        cookies = [f"A=1; Path=/{number}; Domain={domain}; {attributes}" for number in range(50)]
        jar.receive(f"https://{LABELS}/", cookies, now=NOW)
    return jar


def test_a_host_of_many_labels_fills_no_more_than_the_jar() -> None:
    jar = crowded("")
    assert len(jar) == 3_000
    assert jar.receive(f"http://{LABELS}/", [f"B{number}=1" for number in range(10_000)], now=NOW + 1)
    assert len(jar) == 3_000


def test_10_000_that_may_not_overlay_any_of_3_000_are_held_against_them() -> None:
    jar = crowded("Secure")
    assert not jar.receive(f"http://{LABELS}/", [f"A=2; Path=/49/{number}" for number in range(10_000)], now=NOW)
    assert jar.receive(f"http://{LABELS}/", [f"A=2; Path=/x/{number}" for number in range(10_000)], now=NOW)


def test_of_10_000_of_one_name_the_last_counts() -> None:
    jar = Jar()
    jar.receive(URL, [f"A={number}" for number in range(10_000)], now=NOW)
    assert jar.header(URL, now=NOW) == "A=9999"


def test_nothing_stays_of_what_has_gone() -> None:
    jar = crowded("Secure; Max-Age=60")
    assert jar.header(URL, now=NOW + 60) is None
    assert [*jar._shelf._domains, *jar._shelf._secure] == []


TOKENS = (
    *("A", "B", "=", "; ", ";", " ", "\t", "Path", "Domain", "Max-Age", "Expires", "Secure", "SameSite", "None", "/"),
    *("/app", "host.test", ".", "-1", "60", "__Host-", "__Secure-", "HttpOnly", "\0", "\xff", "\r\n", '"', ","),
    "Thu, 01 Jan 2026 00:00:01 GMT",
)
SOUP = st.lists(st.sampled_from(TOKENS)).map("".join)


@given(
    st.lists(st.binary() | SOUP | st.text(), max_size=5), st.sampled_from([URL, "http://localhost", "http://1.2.3.4/"])
)
def test_nothing_that_a_server_sends_raises_or_makes_a_header_that_cannot_be_sent(
    set_cookies: list[str | bytes], url: str
) -> None:
    jar = Jar()
    jar.receive(url, set_cookies, now=NOW)
    header = jar.header(url, now=NOW)
    assert header != ""
    assert not {"\r", "\n", "\0"} & set(header or "")
    assert (header or "").encode("latin-1") == (Jar.unpack(jar.pack()).header(url, now=NOW) or "").encode("latin-1")


@given(st.text() | st.text("htps:/[]@.?#a1\\%").map("http://".__add__))
def test_no_url_raises(url: str) -> None:
    jar = Jar()
    jar.receive(url, ["A=1"], now=NOW)
    assert jar.header(url, now=NOW) == ("A=1" if len(jar) else None)


@given(st.text())
def test_no_date_raises(text: str) -> None:
    instant = parsed(text)
    assert instant is None or -1.2e10 < instant < 2.6e11


@given(st.none() | st.just("A=1; B=2"), st.text("AB=; \t"))
def test_no_name_of_a_header_set_by_hand_is_sent_twice(kept: str | None, by_hand: str) -> None:
    sent = merged(kept, by_hand)
    names = [pair.partition("=")[0].strip() if "=" in pair else "" for pair in (sent or "").split("; ")]
    assert len(names) == len(set(names))
    assert sent != ""
