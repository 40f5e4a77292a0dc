"""Answers and requests as an application sees them, through each client: whole, and without what is the session's."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from collections.abc import Iterator

import pytest
from tests.outbound.drivers.clients import CHUNK, Aiohttp, Client
from tests.outbound.drivers.server import Reply, Server

from sojourn.outbound import Backend, Limits
from sojourn.outbound.closing import Logout

SESSION = (b"Set-Cookie", b"JSESSIONID=secret; Path=/")
LARGE = bytes(range(256)) * (1 << 14)  # 4 MiB


def backend_of(server: Server, **settings: object) -> Backend:
    options = {"reuse": "exchange", "auth": ("alice", "hidden")}
    return Backend(server.url, **(options | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("named", "asked"),
    {
        "": "/shop/",
        "rows": "/shop/rows",
        "rows?top=1": "/shop/rows?top=1",
        "?top=1": "/shop/?top=1",
        "/rows": "/rows",
        "../rows": "/rows",
        "a/../rows('1:2')": "/shop/rows('1:2')",
    }.items(),
)
async def test_what_a_call_names_is_relative_to_the_back_end_as_rfc_3986_has_it(
    client: type[Client], server: Server, named: str, asked: str
) -> None:
    async with client(Backend(server.url + "shop", reuse="exchange").exchange()) as http:
        answer = await http.call("GET", named)
        await http.call("GET", server.url + "shop/rows")
    assert answer.url == server.url.removesuffix("/") + asked
    assert [each.url for each in server.log.asked] == [asked, "/shop/rows"]


@pytest.mark.parametrize("limits", [Limits(), Limits(calls=5)], ids=["streamed", "read"])
async def test_what_is_compressed_arrives_as_it_was(client: type[Client], server: Server, limits: Limits) -> None:
    packed = gzip.compress(b"text " * 1000)
    server.answer = lambda _: Reply(headers=(SESSION, (b"Content-Encoding", b"gzip")), body=packed)
    async with client(backend_of(server, limits=limits).exchange()) as http:
        for _ in range(2):
            assert (await http.call("GET", "")).body == b"text " * 1000


@pytest.mark.parametrize("limits", [Limits(), Limits(calls=5)], ids=["streamed", "read"])
async def test_bodies_may_be_large_both_ways(client: type[Client], server: Server, limits: Limits) -> None:
    server.answer = lambda asked: Reply(headers=(SESSION,), body=asked.body)
    async with client(backend_of(server, limits=limits).exchange()) as http:
        assert (await http.call("POST", "", body=LARGE)).body == LARGE
        assert (await http.call("POST", "", once=LARGE)).body == LARGE


@pytest.mark.parametrize("limits", [Limits(), Limits(calls=5)], ids=["streamed", "read"])
async def test_answers_without_a_body_are_answers(client: type[Client], server: Server, limits: Limits) -> None:
    server.answer = lambda asked: Reply(status=204) if asked.method == "DELETE" else Reply(body=b"hidden")
    async with client(backend_of(server, limits=limits).exchange()) as http:
        for _ in range(2):
            head, delete = await http.call("HEAD", ""), await http.call("DELETE", "")
            assert (head.status, head.headers["content-length"], head.body) == (200, "6", b"")
            assert (delete.status, delete.body) == (204, b"")
    assert server.log.connections == 1


async def test_a_body_arrives_while_it_is_being_sent(client: type[Client], server: Server) -> None:
    read = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"a" * CHUNK
        assert read.wait(10)
        yield b"b" * CHUNK

    server.answer = lambda _: Reply(headers=(SESSION,), chunks=chunks())
    async with client(backend_of(server).exchange()) as http, http.stream("") as body:
        got = []
        async for chunk in body:
            got.append(chunk)
            read.set()
    assert b"".join(got) == b"a" * CHUNK + b"b" * CHUNK


async def test_a_stream_may_be_left_in_its_middle(client: type[Client], server: Server) -> None:
    server.answer = lambda _: Reply(headers=(SESSION,), body=LARGE)
    async with client(backend_of(server).exchange()) as http:
        async with http.stream("") as body:
            async for _ in body:
                break
        assert (await http.call("GET", "")).body == LARGE


async def test_neither_cookies_nor_credentials_are_in_what_the_application_sees(
    client: type[Client], server: Server
) -> None:
    server.answer = lambda _: Reply(headers=(SESSION, (b"sEt-cOoKiE", b"route=r1"), (b"X-Other", b"1")))
    async with client(backend_of(server).exchange()) as http:
        for _ in range(2):
            answer = await http.call("GET", "")
            assert (answer.cookies, http.kept, answer.headers["x-other"]) == (0, 0, "1")
            assert "set-cookie" not in answer.headers
            assert not {"cookie", "authorization"} & {name.lower() for name in answer.asked_with}
    assert [each.all("cookie") for each in server.log.asked] == [[], [b"JSESSIONID=secret; route=r1"]]
    assert [len(each.all("authorization")) for each in server.log.asked] == [1, 0]


async def test_a_cookie_header_that_is_set_by_hand_is_merged_and_there_is_never_an_empty_one(
    client: type[Client], server: Server
) -> None:
    server.answer = lambda _: Reply(headers=(SESSION, (b"Set-Cookie", b"lang=de")))
    async with client(backend_of(server).exchange()) as http:
        await http.call("GET", "", headers={"cOOkie": "lang=en"})
        answer = await http.call("GET", "", headers={"COOKIE": "lang=en; a=b"})
        await http.call("GET", "")
    assert [each.all("cookie") for each in server.log.asked] == [
        [b"lang=en"],
        [b"JSESSIONID=secret; lang=en; a=b"],
        [b"JSESSIONID=secret; lang=de"],
    ]
    assert {name.lower(): value for name, value in answer.asked_with.items()}["cookie"] == "lang=en; a=b"


async def test_where_the_back_end_sets_no_cookie_none_is_sent(client: type[Client], server: Server) -> None:
    async with client(backend_of(server, auth=None).exchange()) as http:
        for _ in range(2):
            await http.call("GET", "")
    assert [each.all("cookie") for each in server.log.asked] == [[], []]


async def test_octets_that_are_no_ascii_go_back_as_they_came(client: type[Client], server: Server) -> None:
    value, old = "name=schön – 春".encode(), b"old=\xe9t\xe9"
    if client is Aiohttp:
        old = b"old=ete"  # aiohttp writes headers in UTF-8
    server.answer = lambda _: Reply(headers=((b"Set-Cookie", value), (b"Set-Cookie", old)))
    async with client(backend_of(server).exchange()) as http:
        for _ in range(2):
            await http.call("GET", "")
    assert server.log.asked[-1].all("cookie") == [value + b"; " + old]


async def test_connections_are_used_again_and_given_back_when_a_call_was_sent_twice(
    client: type[Client], server: Server
) -> None:
    refused = iter([False, True, False, False, True, False])
    server.answer = lambda _: Reply(status=401 if next(refused) else 200, headers=(SESSION,), body=b"short")
    async with client(backend_of(server).exchange()) as http:
        for _ in range(4):
            assert (await http.call("GET", "")).status == 200
    assert len(server.log.asked) == 6
    assert server.log.connections <= 3


async def test_a_back_end_that_is_entered_keeps_connections_from_one_exchange_to_the_next(
    client: type[Client], server: Server
) -> None:
    server.answer = lambda _: Reply(headers=(SESSION,), body=b"text")
    backend = backend_of(server)
    async with backend:
        for _ in range(3):
            async with client(backend.exchange()) as http:
                await http.call("GET", "")
        assert server.log.connections == 1
    async with client(backend.exchange()) as http:
        await http.call("GET", "")
    assert server.log.connections == 2


async def test_a_back_end_that_ends_closes_all_connections_that_nobody_uses(
    client: type[Client], server: Server
) -> None:
    async with backend_of(server) as backend, client(backend.exchange()) as http:
        await http.call("GET", "")
    await asyncio.to_thread(server.wait_closed)


async def test_a_back_end_that_ends_closes_the_sessions_that_it_holds(client: type[Client], server: Server) -> None:
    server.answer = lambda _: Reply(headers=(SESSION,))
    async with backend_of(server, reuse="flow", closing=Logout()) as backend:
        for _ in range(2):
            async with client(backend.exchange()) as http:
                await http.call("GET", "")
    assert [each.url for each in server.log.asked] == ["/", "/", "/logout"]
    assert server.log.asked[-1].all("cookie") == [b"JSESSIONID=secret"]


async def test_a_server_that_is_away_is_an_error_of_the_client_and_the_next_call_signs_in(
    client: type[Client], server: Server
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    async with client(Backend(url, reuse="exchange", auth=("alice", "hidden")).exchange()) as http:
        outcomes = await asyncio.gather(*(http.call("GET", "") for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, http.broken) for each in outcomes), outcomes
    assert "hidden" not in repr(outcomes)
