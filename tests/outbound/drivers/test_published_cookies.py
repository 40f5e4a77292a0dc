"""The cookie cases that others have published, each through a real exchange of HTTP, with each client."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urljoin

from tests.outbound.drivers.clients import Client, Via
from tests.outbound.drivers.server import Reply, Server
from tests.outbound.jar.cases import DATA, Case, http_state, web_platform

from sojourn.outbound import Backend, Jar
from sojourn.outbound.jar.hosts import canonical, domains

Network = tuple[Server, Via]


def backend_of(case: Case) -> Backend:
    hosts = ("example.org", "*.example.org", "web-platform.test", "*.web-platform.test", "not-web-platform.test")
    jar = Jar(standard=case.standard)
    return Backend(urljoin(case.set_url, "/"), reuse="exchange", hosts=hosts, jar=jar, clock=lambda: case.now)


async def sent(case: Case, client: type[Client], network: Network) -> list[bytes]:
    """The Cookie headers of the request that follows the answer with the cookies; none where that is no HTTP."""
    server, via = network
    server.reset()
    first = Reply(headers=tuple((b"Set-Cookie", each) for each in case.set_cookies))
    server.answer = lambda _: first if len(server.log.asked) == 1 else Reply()
    async with client(backend_of(case).exchange(), via) as http:
        try:
            told = await http.call("GET", case.set_url)
        except client.garbled:
            assert unreadable(case)
        else:
            assert told.cookies == http.kept == 0
        await http.call("GET", case.get_url)
    assert len(server.log.asked) == 2
    return server.log.asked[-1].all("cookie")


def unreadable(case: Case) -> bool:
    """Whether an answer with these octets may be refused as a whole: RFC 9110 §5.5."""
    return any((octet < 32 and octet != 9) or octet == 127 for value in case.set_cookies for octet in value)


async def wrong(cases: Iterable[Case], client: type[Client], network: Network) -> dict[str, object]:
    found: dict[str, object] = {}
    for case in cases:
        headers = await sent(case, client, network)
        if headers != ([] if case.expected is None else [case.expected]):
            found[case.id] = headers, case.expected
    return found


async def test_http_state_holds_through_each_client(client: type[Client], network: Network) -> None:
    cases = http_state()
    assert len(cases) == 218
    assert await wrong(cases, client, network) == {}


async def test_what_can_be_in_a_header_of_the_web_platform_holds_through_each_client(
    client: type[Client], network: Network
) -> None:
    cases = [case for case in web_platform() if case.on_wire]
    assert await wrong(cases, client, network) == {}


async def test_no_client_takes_a_cookie_for_a_public_suffix(client: type[Client], network: Network) -> None:
    server, via = network
    found = {}
    for host, registered in hosts():
        names = [name for name in domains(host) if not name.replace(".", "").isdigit()]
        cookies = tuple((b"Set-Cookie", f"{name}=1; Domain={name}".encode()) for name in names)
        server.reset()
        server.answer = lambda _, cookies=cookies: Reply(headers=cookies)  # type: ignore[misc]
        backend = Backend(f"http://{host}/", reuse="exchange", hosts=(f"*.{host}",))
        async with client(backend.exchange(), via) as http:
            await http.call("GET", f"http://{host}/")
            await http.call("GET", f"http://below.{host}/")
        below = b"; ".join(server.log.asked[-1].all("cookie")).decode().replace("=1", "").split("; ")
        expected = [name for name in names if registered and f".{name}".endswith(f".{registered}")]
        if sorted(below) != sorted(expected or [""]):
            found[host] = below, expected
    assert found == {}


def hosts() -> list[tuple[str, str | None]]:
    """Of the cases for the public suffix list: hosts, and the domain of each that is registered."""
    lines = [line.split() for line in (DATA / "psl.txt").read_text().splitlines() if line and line[:2] != "//"]
    assert len(lines) == 78
    return [
        (host, None if registered == "null" else canonical(registered))
        for name, registered in lines
        if (host := canonical(name)) is not None
    ]
