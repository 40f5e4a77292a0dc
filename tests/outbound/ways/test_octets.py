"""Answers that are not as they should be: nobody gets what is another's, and nothing secret is shown."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator

import pytest
import requests
from requests.adapters import HTTPAdapter
from tests.outbound.drivers.clients import Client
from tests.outbound.ways.octets import END, Octets

from sojourn.outbound import Backend, Basic
from sojourn.outbound.auth import ClientCredentials

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


NO_HEADER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie : JSESSIONID=hidden; Path=/\r\n\r\n"
NO_HTTP = b"hidden\r\n\r\n"
SECRETS = ("hidden", "YWxpY2U6", "JSESSIONID=1", "dXNlcjpw")  # the second and the last begin what Base64 makes of pairs
FIRST = b"HTTP/1.1 200 OK\r\nSet-Cookie: JSESSIONID=1\r\nContent-Length: 0\r\n\r\n"


def seen(error: BaseException) -> str:
    """All that a log could show of an error."""
    told: list[str] = traceback.format_exception(error)
    left: list[BaseException | None] = [error]
    while left:
        if (each := left.pop()) is not None:
            told += [repr(each), str(each), repr(each.args), repr(vars(each))]
            left += [each.__cause__, each.__context__]
    return "\n".join(told)


async def shown(client: type[Client], backend: Backend, *calls: str) -> str:
    """All that is seen of calls of which the last one comes to nothing, or to an answer without headers."""
    async with client(backend.exchange()) as http:
        for call in calls:
            method, _, url = call.partition(" ")
            try:
                await http.call(method, url)
            except client.garbled + client.broken as error:
                return seen(error)
    return ""


BROKEN_OFF = b"HTTP/1.1 200 OK\r\nSet-Cookie: JSESSIONID=hidden\r\nContent-Le"


@pytest.mark.parametrize("answer", [NO_HEADER, NO_HTTP, BROKEN_OFF], ids=["no header", "no HTTP", "broken off"])
@pytest.mark.parametrize("call", ["GET rows", "POST orders"])  # the second asks for a token before it
async def test_nothing_secret_is_shown_of_an_answer_that_is_none(
    client: type[Client], caplog: pytest.LogCaptureFixture, answer: bytes, call: str
) -> None:
    caplog.set_level(logging.INFO)
    with Octets(lambda path: [FIRST] if path == b"/" else [answer, END]) as server:
        backend = Backend(server.url, reuse="exchange", auth=("alice", "secret"), csrf=True)
        told = await shown(client, backend, call) + await shown(client, backend, "GET ", call)
    assert not [secret for secret in SECRETS if secret in told + caplog.text]


REFUSED = b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\nProxy-Authenticate : hidden\r\n\r\n"


@pytest.mark.parametrize("answer", [NO_HEADER, NO_HTTP, REFUSED], ids=["no header", "no HTTP", "refused"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_nothing_secret_is_shown_where_a_proxy_answers_what_is_none(
    client: type[Client], caplog: pytest.LogCaptureFixture, scheme: str, answer: bytes
) -> None:
    caplog.set_level(logging.INFO)
    with Octets(lambda _: [answer]) as server:
        proxy = f"http://user:password@{server.authority}"
        backend = Backend(f"{scheme}://erp.test/", reuse="exchange", proxy=proxy, auth=("alice", "secret"), csrf=True)
        told = await shown(client, backend, "GET rows") + await shown(client, backend, "POST orders")
    assert not [secret for secret in SECRETS if secret in told + caplog.text]


async def test_nothing_secret_is_shown_of_an_access_token_in_an_answer_that_is_none(client: type[Client]) -> None:
    no_chunks = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{"access_token": "hidden"}\r\n'
    with Octets(lambda _: [no_chunks, END]) as server:
        auth = ClientCredentials(server.url + "token", "flow", "secret")
        told = await shown(client, Backend(server.url, reuse="exchange", auth=auth), "GET rows")
    assert told
    assert "hidden" not in told
