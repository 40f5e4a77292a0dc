"""Of what a negotiation asks for itself so much is read as it needs, and no more, however long it is."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
from collections.abc import Iterator

import pytest
from tests.outbound.drivers.clients import Client
from tests.outbound.drivers.server import Asked, Reply, Server

from sojourn.errors import SignInFailed
from sojourn.outbound import Backend
from sojourn.outbound.auth import ClientCredentials, Form
from sojourn.outbound.csrf import Fetched, MetaTag
from sojourn.outbound.drivers.reading import MOST

HTML = (b"Content-Type", b"text/html")
SESSION = (b"Set-Cookie", b"JSESSIONID=1")
LOGIN = b'<form action="/login" method="post"><input name="user"><input type="password" name="word"></form>'
META = b'<meta name="csrf-token" content="token">'


class Endless:
    """A body without end; `sent`: how much of it has gone."""

    def __init__(self, head: bytes = b"") -> None:
        self.sent = 0
        self._head = head

    def __iter__(self) -> Iterator[bytes]:
        for piece in itertools.chain([self._head or b" "], itertools.repeat(b" " * (1 << 16))):
            self.sent += len(piece)
            yield piece


def bomb(head: bytes) -> bytes:
    """A body that is 256 MiB when it is unpacked."""
    return gzip.compress(head + bytes(1 << 28), 1)


@pytest.fixture(scope="module")
def packed() -> bytes:
    return bomb(META)


async def test_a_page_that_never_ends_after_the_sign_in_is_left(client: type[Client], server: Server) -> None:
    landing = Endless()

    def answer(asked: Asked) -> Reply:
        if asked.url == "/login":
            return Reply(headers=(HTML,), body=LOGIN) if asked.method == "GET" else Reply(303, _to(b"/start"))
        return Reply(headers=(HTML,), chunks=landing) if asked.url == "/start" else Reply(body=b"done")

    server.answer = answer
    auth = Form("/login", {"user": "alice", "word": "secret"}, identity="alice")
    async with client(Backend(server.url, reuse="exchange", auth=auth).exchange()) as http:
        assert (await http.call("GET", "rows")).body == b"done"
    assert landing.sent < 32 * MOST  # the rest is in buffers of the system


def _to(path: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return (b"Location", path), SESSION


@pytest.mark.parametrize("dialect", [Fetched(path="/$metadata"), MetaTag("/$metadata")])
async def test_a_token_comes_with_an_answer_that_never_ends(
    client: type[Client], server: Server, dialect: Fetched | MetaTag
) -> None:
    description = Endless(META)

    def answer(asked: Asked) -> Reply:
        if asked.url != "/$metadata" or asked.method == "HEAD":
            return Reply(headers=(SESSION,), body=asked.all("x-csrf-token")[0] if asked.method == "POST" else b"")
        return Reply(headers=(HTML, SESSION, (b"X-CSRF-Token", b"token")), chunks=description)

    server.answer = answer
    async with client(Backend(server.url, reuse="exchange", csrf=dialect).exchange()) as http:
        assert (await http.call("POST", "orders", body=b"1")).body == b"token"
    assert description.sent < 32 * MOST


async def test_an_access_token_that_never_ends_is_none(client: type[Client], server: Server) -> None:
    server.answer = lambda _: Reply(chunks=Endless(b'{"access_token": "'))
    auth = ClientCredentials(server.url + "token", "flow", "secret")
    async with client(Backend(server.url, reuse="exchange", auth=auth).exchange()) as http:
        with pytest.raises(SignInFailed, match="gave no access token that can be sent"):
            await http.call("GET", "rows")


@pytest.mark.parametrize("chunked", [False, True])
async def test_what_is_packed_counts_unpacked(
    client: type[Client], server: Server, packed: bytes, chunked: bool
) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            return Reply(headers=(SESSION,), body=asked.all("x-csrf-token")[0])
        headers = (HTML, SESSION, (b"Content-Encoding", b"gzip"))
        return Reply(headers=headers, chunks=[packed]) if chunked else Reply(headers=headers, body=packed)

    server.answer = answer
    async with client(Backend(server.url, reuse="exchange", csrf=MetaTag("/page")).exchange()) as http:
        tracemalloc.start()
        try:
            assert (await http.call("POST", "orders", body=b"1")).body == b"token"
            assert tracemalloc.get_traced_memory()[1] < 16 * MOST
        finally:
            tracemalloc.stop()


def signs_in_by_form(server: Server, page: Reply) -> Backend:
    """Where each page is read, for it may be the login form."""

    def answer(asked: Asked) -> Reply:
        if asked.url == "/login":
            return Reply(headers=(HTML,), body=LOGIN) if asked.method == "GET" else Reply(303, _to(b"/"))
        return page if asked.url == "/page" else Reply(body=b"done")

    server.answer = answer
    auth = Form("/login", {"user": "alice", "word": "secret"}, identity="alice")
    return Backend(server.url, reuse="exchange", auth=auth)


async def test_a_page_that_never_ends_comes_as_a_stream(client: type[Client], server: Server) -> None:
    page = Endless(b"begin")
    backend = signs_in_by_form(server, Reply(headers=(HTML,), chunks=page))
    async with client(backend.exchange()) as http:
        async with http.stream("page") as body:
            got, begin = 0, b""
            async for piece in body:
                begin = begin or piece
                got += len(piece)
                if got > 4 * MOST:
                    break
        assert begin.startswith(b"begin ")
        assert (await http.call("GET", "rows")).body == b"done"
    assert page.sent < 64 * MOST


LINES = b"".join(b"%d\n" % n for n in range(250_000))  # more than is read on the way
SHORT = b"".join(b"%d\n" % n for n in range(5_000))


@pytest.mark.parametrize("whole", [LINES, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_page_that_was_begun_is_all_there(
    client: type[Client], server: Server, whole: bytes, packed: bool, chunked: bool
) -> None:
    sent = gzip.compress(whole, 1) if packed else whole
    headers = (HTML, (b"Content-Encoding", b"gzip")) if packed else (HTML,)
    pieces = [sent[at : at + 10_000] for at in range(0, len(sent), 10_000)]
    backend = signs_in_by_form(server, Reply(headers=headers, chunks=pieces) if chunked else Reply(200, headers, sent))
    async with client(backend.exchange()) as http:
        for _ in range(2):
            assert (await http.call("GET", "page")).body == whole
            async with http.stream("page") as body:
                assert b"".join([piece async for piece in body]) == whole
    assert server.log.connections <= 2


async def test_what_is_wrong_in_a_page_is_an_error_where_the_application_reads_it(
    client: type[Client], server: Server
) -> None:
    headers = (HTML, (b"Content-Encoding", b"gzip"))
    backend = signs_in_by_form(server, Reply(headers=headers, body=gzip.compress(SHORT)[:100] + b"no gzip at all" * 99))
    async with client(backend.exchange()) as http:
        with pytest.raises(Exception, match=r"(?i)decod|decompress"):
            await http.call("GET", "page")
        assert (await http.call("GET", "rows")).body == b"done"


async def test_lines_of_a_page_that_was_begun_are_read_by_aiohttp(server: Server) -> None:
    backend = signs_in_by_form(server, Reply(headers=(HTML,), chunks=[LINES]))
    async with backend.exchange().aiohttp() as http, http.get("page") as response:
        assert [line async for line in response.content] == LINES.splitlines(keepends=True)


def test_a_page_that_was_begun_is_read_from_below_by_requests(server: Server) -> None:
    backend = signs_in_by_form(server, Reply(headers=(HTML,), chunks=[LINES]))
    with backend.exchange().requests() as http:
        response = http.get("page", stream=True)
        assert response.raw.read(5) == LINES[:5]
        assert response.raw.status == 200
        assert response.raw.read() == LINES[5:]
        response = http.get("page", stream=True)
        assert all(len(piece) <= 7 for piece in itertools.islice(response.iter_content(7), 9))
        response.close()


async def test_the_connection_goes_on_where_all_was_read(client: type[Client], server: Server) -> None:
    server.answer = lambda asked: Reply(headers=(HTML, SESSION), body=META if asked.method == "GET" else b"")
    async with client(Backend(server.url, reuse="exchange", csrf=MetaTag("/page")).exchange()) as http:
        await http.call("POST", "orders", body=b"1")
    assert server.log.connections == 1
