"""The way to a back end, by TLS and by a proxy, is for all that is sent there: calls, sign-ins, tokens, and ends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.inbound.tracking.authority import Authority
from tests.outbound.drivers.clients import Client
from tests.outbound.ways.relays import Passed, Relays

from sojourn.outbound import Backend
from sojourn.outbound.auth import ClientCredentials, Form
from sojourn.outbound.closing import Logout
from sojourn.outbound.events import SessionClosed
from sojourn.testing.backend import Behaviour, FakeBackend

PASSWORD = "p@ss:w%rd/"
PROXY = "http://flow:p%40ss%3Aw%25rd%2F@127.0.0.1:{}"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True)
class Way:
    """A back end behind a door to which nobody comes without a certificate, and a proxy that asks for a password."""

    relays: Relays
    trusted: ssl.SSLContext
    strangers: ssl.SSLContext
    """With the certificate that is asked for, but trusting others."""
    authority: Path
    certificate: Path

    @property
    def door(self) -> str:
        return f"https://127.0.0.1:{self.relays.door}/"

    @property
    def proxy(self) -> str:
        return PROXY.format(self.relays.proxy)


@pytest.fixture(scope="module")
def made(running: FakeBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    directory = tmp_path_factory.mktemp("authority")
    authority, other = Authority(directory), Authority(directory, "other")
    certificate = authority.sign("flow")
    door = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.path)
    door.verify_mode = ssl.CERT_REQUIRED
    door.load_cert_chain(authority.sign("erp.test", "erp.test"))
    trusted, strangers = (ssl.create_default_context(cafile=each.path) for each in (authority, other))
    for each in (trusted, strangers):
        each.load_cert_chain(certificate)
    with Relays(int(urlsplit(running.url).port or 0), door, password=PASSWORD) as relays:
        yield Way(relays, trusted, strangers, authority.path, certificate)


@pytest.fixture
def way(made: Way, fake: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> Way:
    """With a proxy in the environment that nobody is to go by."""
    fake.reset(Behaviour())
    made.relays.passed = Passed()
    for name in VARIABLES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    return made


def backend_of(fake: FakeBackend, url: str, **settings: Any) -> Backend:
    auth = Form("/login", {"username": "alice", "password": fake.password_of("alice")}, identity="alice")
    return Backend(url, **{"reuse": "exchange", "auth": auth, "csrf": True, "closing": Logout(), **settings})


def asks_for_all(fake: FakeBackend) -> None:
    fake.reset(Behaviour(sign_in=("form",), csrf="fetch"))


def assert_all_came(fake: FakeBackend) -> None:
    counts = fake.counts()
    assert (counts.sign_ins, counts.csrf_tokens, counts.orders) == (1, 1, 1)
    assert (counts.sessions_closed, counts.sessions_live) == (1, 0)


async def order(client: type[Client], backend: Backend) -> None:
    async with client(backend.exchange()) as http:
        assert (await http.call("POST", "orders", body=b"1")).status == 201


async def test_all_is_sent_with_the_certificate_and_the_authority_of_the_back_end(
    client: type[Client], fake: FakeBackend, way: Way
) -> None:
    asks_for_all(fake)
    await order(client, backend_of(fake, way.door, tls=way.trusted))
    assert_all_came(fake)


@pytest.mark.parametrize("url", ["http://erp.test/", "https://erp.test/"])
async def test_all_is_sent_by_the_proxy_and_the_proxy_is_told_who_asks(
    client: type[Client], fake: FakeBackend, way: Way, url: str
) -> None:
    asks_for_all(fake)
    tls = way.trusted if url.startswith("https") else None
    await order(client, backend_of(fake, url, tls=tls, proxy=way.proxy))
    assert_all_came(fake)
    passed = way.relays.passed
    assert passed.users == {"flow"}
    if tls is not None:
        assert set(passed.lines) == {"CONNECT erp.test:443"}
    else:
        assert {"GET http://erp.test/login", "POST http://erp.test/orders"} < set(passed.lines)
        assert passed.lines[-1].endswith("/logout")


async def test_access_tokens_are_fetched_the_same_way(client: type[Client], fake: FakeBackend, way: Way) -> None:
    fake.reset(Behaviour(sign_in=("bearer",)))
    url = "https://erp.test/"
    auth = ClientCredentials(url + "oauth/token", "flow", fake.password_of("flow"))
    await order(client, backend_of(fake, url, auth=auth, csrf=False, tls=way.trusted, proxy=way.proxy))
    assert (fake.counts().access_tokens, fake.counts().orders) == (1, 1)


@pytest.mark.parametrize("end", ["aclose", "close", "forget"])
@pytest.mark.parametrize("url", ["https", "https by proxy", "http by proxy"])
def test_what_is_closed_in_an_event_loop_without_clients_is_closed_the_same_way(
    fake: FakeBackend, way: Way, url: str, end: str
) -> None:
    backend = backend_of(
        fake,
        {"https": way.door}.get(url, f"{url.partition(' ')[0]}://erp.test/"),
        reuse="user",
        auth=("alice", fake.password_of("alice")),
        csrf=False,
        tls=way.trusted if url.startswith("https") else None,
        proxy=way.proxy if url.endswith("proxy") else None,
    )
    with backend.exchange(user="alice").requests() as http:
        assert http.get("me").status_code == 200
    backend.lines._last = None
    if end == "close":
        backend.close()
    else:
        asyncio.run(backend.aclose() if end == "aclose" else backend.aforget("alice"))
    assert (fake.counts().sign_ins, fake.counts().sessions_closed) == (1, 1)


async def test_who_shows_a_certificate_of_another_authority_is_not_talked_to(
    client: type[Client], fake: FakeBackend, way: Way
) -> None:
    async with client(backend_of(fake, way.door, tls=way.strangers).exchange()) as http:
        with pytest.raises(client.broken):
            await http.call("GET", "me")
    assert fake.counts().requests == 0


async def test_without_a_certificate_nobody_gets_in(client: type[Client], fake: FakeBackend, way: Way) -> None:
    bare = ssl.create_default_context(cafile=way.authority)
    async with client(backend_of(fake, way.door, tls=bare).exchange()) as http:
        with pytest.raises(client.broken):
            await http.call("GET", "me")
    assert fake.counts().requests == 0


@pytest.mark.parametrize("end", ["aclose", "close"])
async def test_an_end_that_cannot_be_told_has_failed(fake: FakeBackend, way: Way, end: str) -> None:
    told = []
    auth = ("alice", fake.password_of("alice"))
    backend = backend_of(fake, way.door, reuse="flow", auth=auth, csrf=False, tls=way.strangers)
    backend.listen(lambda event: told.append(event.told), SessionClosed)  # type: ignore[attr-defined]
    async with backend.exchange().httpx2(verify=way.trusted) as http:
        assert (await http.get("me")).status_code == 200
    if end == "aclose":
        await backend.aclose()
    else:
        backend.close()
    assert told == ["failed"]


async def test_a_client_may_have_a_way_of_its_own(fake: FakeBackend, way: Way) -> None:
    auth = ("alice", fake.password_of("alice"))
    settings = {"auth": auth, "csrf": False, "tls": way.strangers, "proxy": "http://127.0.0.1:9"}
    exchange = backend_of(fake, way.door, **settings).exchange()
    async with (
        exchange.httpx2(verify=way.trusted, proxy=way.proxy) as by_proxy,
        exchange.httpx2(verify=way.trusted, proxy=None) as directly,
        exchange.aiohttp(proxy=way.proxy) as by_aiohttp,
    ):
        assert (await by_proxy.get("me")).status_code == (await directly.get("me")).status_code == 200
        async with by_aiohttp.get("me", ssl=way.trusted) as response:
            assert response.status == 200
    assert set(way.relays.passed.lines) == {f"CONNECT 127.0.0.1:{way.relays.door}"}


@pytest.mark.parametrize("proxied", [False, True])
def test_a_session_of_requests_may_have_a_way_of_its_own(fake: FakeBackend, way: Way, proxied: bool) -> None:
    auth = ("alice", fake.password_of("alice"))
    settings = {"auth": auth, "csrf": False, "tls": way.strangers, "proxy": "http://127.0.0.1:9"}
    with backend_of(fake, way.door, **settings).exchange().requests() as http:
        http.verify, http.cert = str(way.authority), str(way.certificate)
        http.proxies = {"all": way.proxy if proxied else ""}
        assert http.get("me").status_code == 200
    assert len(way.relays.passed.lines) == proxied
    assert fake.counts().sessions_closed == 1


async def test_an_option_that_says_nothing_of_the_way_leaves_it_as_it_is(fake: FakeBackend, way: Way) -> None:
    auth = ("alice", fake.password_of("alice"))
    backend = backend_of(fake, "https://erp.test/", auth=auth, csrf=False, tls=way.trusted, proxy=way.proxy)
    async with backend.exchange().httpx2(http2=False) as http:
        assert (await http.get("me")).status_code == 200


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # as urllib3 calls what this context lets through
async def test_the_context_stays_as_it_was_given(client: type[Client], fake: FakeBackend, way: Way) -> None:
    tls = ssl.create_default_context(cafile=way.authority)
    tls.load_cert_chain(way.certificate)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_OPTIONAL
    before = tls.cert_store_stats()
    auth = ("alice", fake.password_of("alice"))
    exchange = backend_of(fake, way.door, auth=auth, csrf=False, tls=tls).exchange()
    async with client(exchange) as http:
        assert (await http.call("GET", "me")).status == 200
    assert (tls.cert_store_stats(), tls.verify_mode, tls.check_hostname) == (before, ssl.CERT_OPTIONAL, False)


def test_a_session_of_requests_that_trusts_everybody_leaves_the_context_alone(fake: FakeBackend, way: Way) -> None:
    auth = ("alice", fake.password_of("alice"))
    exchange = backend_of(fake, way.door, auth=auth, csrf=False, tls=way.trusted).exchange()
    with exchange.requests() as http, pytest.warns(match="Unverified HTTPS request"):
        assert http.get("me", verify=False, cert=str(way.certificate)).status_code == 200
    assert way.trusted.verify_mode is ssl.CERT_REQUIRED


def test_a_bundle_of_the_environment_is_trusted_where_nothing_else_is_said(
    fake: FakeBackend, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(way.authority))
    auth = ("alice", fake.password_of("alice"))
    with backend_of(fake, "https://erp.test/", auth=auth, proxy=way.proxy).exchange().requests() as http:
        http.cert = str(way.certificate)
        assert http.get("me").status_code == 200
