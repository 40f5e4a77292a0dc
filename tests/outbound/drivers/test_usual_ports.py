"""The usual port of a scheme, said or not, is the same origin: RFC 6454, section 5."""

from __future__ import annotations

import pytest
from tests.outbound.drivers.clients import Client, Via
from tests.outbound.drivers.server import Reply, Server

from sojourn.outbound import Backend


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
