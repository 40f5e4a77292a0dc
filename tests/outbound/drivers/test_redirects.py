"""Redirects, which each client follows by itself: inside the origin in the session, to another one without it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.outbound.drivers.clients import Client, Via
from tests.outbound.drivers.server import Asked, Reply, Server

from sojourn.outbound import Backend
from sojourn.outbound.csrf import Fetched

SESSION = (b"Set-Cookie", b"JSESSIONID=secret; Path=/")
TOKEN = (b"X-CSRF-Token", b"secret-token")


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """A server of another origin: the same host, and another port."""
    with Server(lambda _: Reply(headers=((b"Set-Cookie", b"foreign=1"),), body=b"foreign")) as server:
        yield server


def leads(to: str, status: int = 302) -> Reply:
    return Reply(status=status, headers=(SESSION, (b"Location", to.encode())))


def secrets(asked: Asked) -> set[str]:
    return {name for name, _ in asked.headers} & {"cookie", "authorization", "x-csrf-token"}


async def test_inside_the_origin_each_hop_is_in_the_session(client: type[Client], server: Server) -> None:
    steps = iter([leads("/a"), leads(server.url + "b"), Reply(body=b"there")])
    server.answer = lambda _: next(steps)
    backend = Backend(server.url, reuse="exchange", auth=("alice", "hidden"))
    async with client(backend.exchange()) as http:
        answer = await http.call("GET", "")
        assert (answer.body, answer.url, http.kept) == (b"there", server.url + "b", 0)
    assert [each.all("cookie") for each in server.log.asked] == [[], [b"JSESSIONID=secret"], [b"JSESSIONID=secret"]]
    assert [len(each.all("authorization")) for each in server.log.asked] == [1, 0, 0]


@pytest.mark.parametrize("status", [302, 307])
async def test_nothing_of_the_session_goes_to_another_origin_and_its_cookies_do_not_come_in(
    client: type[Client], server: Server, elsewhere: Server, status: int
) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "HEAD":
            return Reply(headers=(SESSION, TOKEN))
        return leads(elsewhere.url + "there", status) if asked.method == "POST" else Reply()

    server.answer = answer
    backend = Backend(server.url, reuse="exchange", auth=("alice", "hidden"), csrf=Fetched())
    async with client(backend.exchange()) as http:
        for _ in range(2):
            assert (await http.call("POST", "orders", body=b"{}")).body == b"foreign"
        await http.call("GET", "")
        assert http.kept == 0
    assert [secrets(each) for each in elsewhere.log.asked] == [set(), set()]
    assert server.log.asked[-1].all("cookie") == [b"JSESSIONID=secret"]
    assert [each.all("x-csrf-token") for each in server.log.asked if each.method == "POST"] == [[b"secret-token"]] * 2


async def test_no_credentials_of_the_first_call_follow_it_to_another_origin(
    client: type[Client], server: Server, elsewhere: Server
) -> None:
    server.answer = lambda _: leads(elsewhere.url)
    backend = Backend(server.url, reuse="none", auth=("alice", "hidden"))
    async with client(backend.exchange()) as http:
        await http.call("GET", "")
        await http.call("GET", "", headers={"Authorization": "Bearer by-hand"})
    assert [len(each.all("authorization")) for each in server.log.asked] == [1, 1]
    assert [secrets(each) for each in elsewhere.log.asked] == [set(), set()]


async def test_a_call_to_another_origin_goes_as_it_is(client: type[Client], server: Server, elsewhere: Server) -> None:
    server.answer = lambda _: Reply(headers=(SESSION,))
    backend = Backend(server.url, reuse="exchange", auth=("alice", "hidden"))
    async with client(backend.exchange()) as http:
        await http.call("GET", "")
        answer = await http.call("GET", elsewhere.url, headers={"Authorization": "Bearer own", "Cookie": "own=1"})
        assert (answer.body, answer.cookies, http.kept) == (b"foreign", 0, 0)
    [asked] = elsewhere.log.asked
    assert (asked.all("authorization"), asked.all("cookie")) == ([b"Bearer own"], [b"own=1"])


async def test_an_origin_is_the_same_however_it_is_written(client: type[Client], server: Server) -> None:
    server.answer = lambda _: Reply(headers=(SESSION,))
    port = urlsplit(server.url).port
    backend = Backend(f"HTTP://LocalHost:{port}", reuse="exchange", auth=("alice", "hidden"))
    async with client(backend.exchange()) as http:
        for url in ("", f"http://localhost:{port}/a", f"hTTp://LOCALHOST:{port}/b"):
            await http.call("GET", url)
    assert [len(each.all("authorization")) for each in server.log.asked] == [1, 0, 0]
    assert [each.all("cookie") for each in server.log.asked] == [[], [b"JSESSIONID=secret"], [b"JSESSIONID=secret"]]


@pytest.mark.parametrize("url", ["http://home.example.org:80/", "http://home.example.org"])
async def test_the_usual_port_makes_no_other_origin(
    client: type[Client], network: tuple[Server, Via], url: str
) -> None:
    server, via = network
    server.reset()
    server.answer = lambda _: Reply(headers=((b"Set-Cookie", b"JSESSIONID=secret"),))
    backend = Backend(url, reuse="exchange", auth=("alice", "hidden"))
    async with client(backend.exchange(), via) as http:
        for each in ("", "http://home.example.org:80/a", "http://home.example.org/b"):
            await http.call("GET", each)
    assert [len(each.all("authorization")) for each in server.log.asked] == [1, 0, 0]
    assert [each.all("cookie") for each in server.log.asked] == [[], [b"JSESSIONID=secret"], [b"JSESSIONID=secret"]]
