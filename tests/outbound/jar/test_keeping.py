"""A jar in a store, in a log, and between threads."""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass

import msgspec
import pytest

from sojourn.errors import StoreDamaged
from sojourn.outbound.jar import Jar
from sojourn.outbound.jar.received import received

NOW = 1_767_225_600.0
URL = "https://www.host.test/app/"
SECRET = "5up3r-s3cr3t"


@dataclass
class Seen:
    """What a log would hold of each cookie."""

    name: str
    domain: str
    path: str
    flags: str
    lasts: float


def seen(jar: Jar) -> list[Seen]:
    return [
        Seen(
            fact.name,
            fact.domain,
            fact.path,
            f"{'host' if fact.host_only else ''} {'secure' if fact.secure else ''} {'http' if fact.http_only else ''}",
            fact.expires_at - fact.created_at,
        )
        for fact in jar
    ]


def full() -> Jar:
    jar = Jar()
    jar.receive(
        URL,
        [
            f"A={SECRET}; Secure; HttpOnly",
            f"B={SECRET}; Domain=host.test; Path=/; Max-Age=60",
            b"C\xe9=\xff\xfe",
            SECRET,
        ],
        now=NOW,
    )
    return jar


def test_a_log_sees_all_but_the_values() -> None:
    assert seen(full()) == [
        Seen("A", "www.host.test", "/app", "host secure http", math.inf),
        Seen("Cé", "www.host.test", "/app", "host  ", math.inf),
        Seen("", "www.host.test", "/app", "host  ", math.inf),
        Seen("B", "host.test", "/", "  ", 60),
    ]


def test_equal_values_have_equal_hashes_with_one_key_and_others_with_another() -> None:
    a, c, nameless, b = (fact.digest(b"key") for fact in full())
    assert a == b == nameless != c
    assert len(a) == 16
    assert a not in {fact.digest(b"another key") for fact in full()}


def test_no_value_is_in_a_repr() -> None:
    jar = full()
    jar.header(URL, now=NOW)
    inside = (list(jar), list(jar._shelf), jar._made, received(f"A={SECRET}", NOW, "rfc6265bis"))
    assert SECRET not in repr(inside)
    assert repr(jar) == "<Jar of 4>"


def test_what_was_packed_sends_the_same() -> None:
    jar = full()
    again = Jar.unpack(jar.pack())
    for at in (NOW, NOW + 59, NOW + 60):
        for url in (URL, "https://other.host.test/", "http://www.host.test/app"):
            assert again.header(url, now=at) == jar.header(url, now=at)
    assert again.pack() == jar.pack()


def test_what_comes_after_it_was_packed_comes_later() -> None:
    jar = Jar()
    jar.receive(URL, ["B=1", "A=1"], now=NOW)
    jar = Jar.unpack(jar.pack())
    jar.receive(URL, ["C=1", "A=2"], now=NOW)
    assert jar.header(URL, now=NOW) == "B=1; A=2; C=1"


def test_what_is_there_twice_counts_once() -> None:
    (cookies,) = msgspec.msgpack.decode(full().pack())
    jar = Jar.unpack(msgspec.msgpack.encode([[*cookies, *cookies]]))
    assert (len(jar), jar.header(URL, now=NOW)) == (4, full().header(URL, now=NOW))
    assert Jar.unpack(jar.pack()).header(URL, now=NOW + 60) == full().header(URL, now=NOW + 60)


def test_an_empty_jar_is_small() -> None:
    assert len(Jar.unpack(Jar().pack())) == 0
    assert len(Jar().pack()) < 8


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x90",
        b"\xc0",
        b"nothing",
        full().pack()[:-1],
        full().pack() + b"\x00",
        msgspec.msgpack.encode([["a"]]),
        full().pack().replace(SECRET.encode(), b"A: 1\r\nB: 22"),
        full().pack().replace(SECRET.encode(), "\u6625\u8282\u6625\u8282".encode()),
        full().pack().replace(SECRET.encode(), b"\xff" * len(SECRET)),
    ],
)
def test_what_was_never_packed_is_damaged(data: bytes) -> None:
    with pytest.raises(StoreDamaged, match="end that session") as refused:
        Jar.unpack(data)
    assert refused.value.__cause__ is None
    assert SECRET not in str(refused.value)


def test_clear_leaves_nothing() -> None:
    jar = full()
    jar.header(URL, now=NOW)
    jar.clear()
    assert (len(jar), list(jar), jar.header(URL, now=NOW)) == (0, [], None)
    assert jar.receive(URL, ["A=1"], now=NOW)


def test_threads_see_an_answer_as_a_whole_or_not_at_all() -> None:
    jar = Jar()
    jar.receive(URL, ["A=0", "B=0"], now=NOW)
    done = threading.Event()
    headers: list[str | None] = []

    def read() -> None:
        while not done.is_set():
            headers.append(jar.header(URL, now=NOW))
            Jar.unpack(jar.pack())
            list(jar)

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=written, args=(jar, number)) for number in range(4)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert all(re.fullmatch(r"A=([\d.]+); B=\1", header or "") for header in headers)


def written(jar: Jar, number: int) -> None:
    for turn in range(300):
        value = f"{number}.{turn}"
        jar.receive(URL, [f"A={value}", f"B={value}"], now=NOW + turn)
        jar.receive(f"https://{value}.test/", [f"C={value}; Max-Age=1"], now=NOW + turn)
