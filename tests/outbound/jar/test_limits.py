"""How many cookies there are, and which go first: RFC 6265bis §5.7 and §6.1."""

from __future__ import annotations

import string

import pytest

from sojourn.outbound.jar import Jar

NOW = 1_767_225_600.0
URL = "https://www.host.test/"


def names(jar: Jar) -> set[str]:
    return {fact.name for fact in jar}


def numbered(count: int, attributes: str = "", start: int = 0) -> list[str]:
    return [f"c{number}=1; {attributes}" for number in range(start, start + count)]


def test_a_domain_has_50() -> None:
    jar = Jar()
    jar.receive(URL, numbered(50), now=NOW)
    assert len(jar) == 50
    jar.receive(URL, ["new=1"], now=NOW + 1)
    assert names(jar) == {"new", *(f"c{number}" for number in range(1, 50))}


def test_those_of_a_host_and_those_for_a_domain_of_its_name_are_counted_as_one() -> None:
    jar = Jar()
    jar.receive(URL, numbered(30) + numbered(30, "Domain=www.host.test"), now=NOW)
    assert len(jar) == 50


def test_what_was_used_least_lately_goes_first() -> None:
    jar = Jar()
    jar.receive(URL, numbered(49, "Path=/"), now=NOW)
    jar.receive(URL, ["old=1; Path=/used"], now=NOW - 9)
    assert "old=1" in (jar.header(f"{URL}used", now=NOW + 1) or "")
    jar.receive(URL, ["new=1; Path=/new"], now=NOW + 2)
    assert names(jar) == {"old", "new", *(f"c{number}" for number in range(1, 49))}


def test_a_use_counts_when_the_header_was_made_before() -> None:
    jar = Jar()
    jar.receive(URL, ["old=1; Path=/used", *numbered(49, "Path=/other")], now=NOW)
    jar.header(f"{URL}used", now=NOW)
    jar.header(f"{URL}other", now=NOW + 1)
    jar.header(f"{URL}used", now=NOW + 2)
    jar.receive(URL, ["new=1"], now=NOW + 3)
    assert "old" in names(jar)


def test_so_it_does_when_the_jar_was_in_a_store_in_between() -> None:
    jar = Jar()
    jar.receive(URL, ["old=1; Path=/used", *numbered(49, "Path=/other")], now=NOW)
    jar.header(f"{URL}other", now=NOW + 1)
    jar.header(f"{URL}used", now=NOW + 1)
    jar.header(f"{URL}used", now=NOW + 2)
    jar = Jar.unpack(jar.pack())
    jar.receive(URL, ["new=1"], now=NOW + 3)
    assert "old" in names(jar)


def test_to_set_one_again_is_a_use() -> None:
    jar = Jar()
    jar.receive(URL, numbered(50), now=NOW)
    jar.header(URL, now=NOW)
    assert not jar.receive(URL, ["c0=1"], now=NOW + 1)
    jar.receive(URL, ["new=1"], now=NOW + 2)
    assert names(jar) == {"new", "c0", *(f"c{number}" for number in range(2, 50))}


def test_what_is_not_secure_goes_before_what_is() -> None:
    jar = Jar()
    jar.receive(URL, numbered(49, "Secure"), now=NOW)
    jar.receive(URL, ["plain=1"], now=NOW + 1)
    jar.receive(URL, ["guarded=1; Secure"], now=NOW + 2)
    assert names(jar) == {"guarded", *(f"c{number}" for number in range(49))}
    jar.receive("http://www.host.test/", ["plain=1"], now=NOW + 3)
    assert "plain" not in names(jar)


def test_what_has_expired_makes_room() -> None:
    jar = Jar()
    jar.receive(URL, numbered(25, "Max-Age=60"), now=NOW)
    jar.receive(URL, numbered(25, start=25), now=NOW)
    jar.receive(URL, ["new=1"], now=NOW + 60)
    assert names(jar) == {"new", *(f"c{number}" for number in range(25, 50))}


@pytest.mark.parametrize("count", [51, 500])
def test_the_last_of_too_many_at_once_stay(count: int) -> None:
    jar = Jar()
    jar.receive(URL, numbered(count), now=NOW)
    assert names(jar) == {f"c{number}" for number in range(count - 50, count)}


def test_another_domain_takes_no_room() -> None:
    jar = Jar()
    jar.receive(URL, numbered(50), now=NOW)
    jar.receive("https://other.host.test/", numbered(50), now=NOW)
    assert len(jar) == 100


def test_a_jar_has_3000() -> None:
    jar = Jar()
    hosts = [f"https://{letter}{other}.test/" for letter in string.ascii_lowercase for other in "abc"][:61]
    for second, host in enumerate(hosts):
        jar.receive(host, numbered(50, "Secure" if second == 0 else ""), now=NOW + second)
        jar.header(hosts[1], now=NOW + second)
    assert len(jar) == 3000
    empty = [host for host in hosts if jar.header(host, now=NOW) is None]
    assert empty == [hosts[0]], "where no domain has too many, the one used least lately goes first, secure or not"
    jar.receive("https://more.test/", numbered(50), now=NOW + 99)
    assert [host for host in hosts if jar.header(host, now=NOW) is None] == [hosts[0], hosts[2]]
