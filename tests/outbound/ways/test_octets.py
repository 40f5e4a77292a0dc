"""Answers that are not as they should be: nobody gets what is another's, and nothing secret is shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests
from requests.adapters import HTTPAdapter
from tests.outbound.drivers.clients import Client
from tests.outbound.ways.octets import Octets

from sojourn.outbound import Backend, Basic

HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
CHECKED = b"HTTP/1.1 102 Processing\r\n\r\n"


class Hinting:
    """Tells each who asks the path, some after interim answers; the first one's answer comes when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()

    def __call__(self, path: bytes) -> Iterator[bytes]:
        if path.startswith(b"/hinted"):
            yield CHECKED + HINT
            yield HINT
            self.let.wait(10)
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path)


@pytest.fixture
def hinting() -> Iterator[tuple[Octets, Hinting]]:
    answer = Hinting()
    with Octets(answer) as server:
        yield server, answer
        answer.let.set()


async def test_an_answer_is_the_one_that_follows_interim_answers(
    client: type[Client], hinting: tuple[Octets, Hinting]
) -> None:
    server, answer = hinting
    answer.let.set()
    exchange = Backend(server.url, reuse="exchange").exchange()
    async with (
        client(exchange.signed_in_as(Basic("alice", "a"))) as alice,
        client(exchange.signed_in_as(Basic("bob", "b"))) as bob,
    ):
        for _ in range(2):
            answered = await alice.call("GET", "hinted/alice")
            assert (answered.status, answered.body) == (200, b"/hinted/alice")
            assert (await bob.call("GET", "bob")).body == b"/bob"


def test_an_interim_answer_that_an_adapter_of_the_applications_gives_is_an_error_and_its_connection_ends(
    hinting: tuple[Octets, Hinting],
) -> None:
    server, answer = hinting
    adapter = HTTPAdapter()
    exchange = Backend(server.url, reuse="exchange").exchange()
    with exchange.requests(adapter=adapter) as http:
        with pytest.raises(requests.ConnectionError, match=r"interim answer \(102\)"):
            http.get("hinted/alice")
        answer.let.set()
        assert http.get("bob").content == b"/bob"
