"""The password of a proxy is shown to the proxy alone; and what no way can be is said when it is set."""

from __future__ import annotations

import logging
import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from requests.adapters import HTTPAdapter
from tests.inbound.tracking.authority import Authority
from tests.outbound.drivers.clients import Client
from tests.outbound.ways.relays import Passed, Relays

from sojourn.errors import SettingError
from sojourn.outbound import Backend
from sojourn.testing.backend import FakeBackend

SECRETS = ("hidden-word", "right@", "flow:", "Zmxvdz")  # the last is what Base64 makes of the one before it
TLS = ssl.create_default_context()


@pytest.fixture(scope="module")
def behind(running: FakeBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Relays, Path]]:
    """What stands before the back end, and whom to trust."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    door.load_cert_chain(authority.sign("erp.test", "erp.test"))
    with Relays(int(urlsplit(running.url).port or 0), door, password="right") as relays:
        yield relays, authority.path


async def outcome(client: type[Client], backend: Backend) -> list[object]:
    """All that an application gets to see of a call."""
    async with client(backend.exchange()) as http:
        try:
            return [await http.call("GET", "me")]
        except Exception as error:  # noqa: BLE001 - any that a client has
            seen: list[object] = [*traceback.format_exception(error), backend, backend.way]
            while error is not None:
                seen += [error, vars(error), getattr(getattr(error, "request_info", None), "headers", "")]
                error = error.__cause__ or error.__context__  # type: ignore[assignment]
            return seen


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("password", ["right", "hidden-word"])
async def test_it_is_in_nothing_that_is_seen(
    client: type[Client], behind: tuple[Relays, Path], caplog: pytest.LogCaptureFixture, scheme: str, password: str
) -> None:
    relays, authority = behind
    caplog.set_level(logging.DEBUG)
    relays.passed = Passed()
    backend = Backend(
        f"{scheme}://erp.test/",
        reuse="exchange",
        tls=ssl.create_default_context(cafile=authority) if scheme == "https" else None,
        proxy=f"http://flow:{password}@127.0.0.1:{relays.proxy}",
    )
    seen = repr(await outcome(client, backend)) + caplog.text + repr(backend) + repr(backend.way)
    assert relays.passed.users == {"flow"}
    assert bool(relays.passed.refused) is (password != "right")
    for secret in (*SECRETS, "Proxy-Authorization", "proxy-authorization"):
        assert secret not in seen


async def test_it_is_in_no_error_where_there_is_no_proxy(
    client: type[Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    backend = Backend("https://erp.test/", proxy="http://flow:hidden-word@127.0.0.1:9")
    seen = repr(await outcome(client, backend)) + caplog.text
    for secret in SECRETS:
        assert secret not in seen


async def test_it_is_in_no_error_of_a_certificate(
    client: type[Client], behind: tuple[Relays, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    backend = Backend("https://erp.test/", proxy=f"http://flow:right@127.0.0.1:{behind[0].proxy}", tls=TLS)
    seen = repr(await outcome(client, backend)) + caplog.text
    assert "CERTIFICATE_VERIFY_FAILED" in seen
    for secret in SECRETS:
        assert secret not in seen


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://user:hidden-word@proxy.example:1080",
        "https://user:hidden-word@proxy.example",
        "user:hidden-word@proxy.example:3128",
        "proxy.example:3128",
        "http://user:hidden-word@proxy.example:port",
        "http://user:hidden-word@proxy.example/path",
        "http://user:hidden-word@proxy.example?query",
        "http://user:hidden-word@[::",
        "http://user:hidden-word@a b/",
        "http://",
        "",
        7,
    ],
)
def test_a_proxy_that_cannot_be_is_refused_without_a_word_of_it(proxy: Any) -> None:
    with pytest.raises(SettingError, match=r"^Backend\(proxy=…\): give an address such as http://") as caught:
        Backend("https://erp.test/", proxy=proxy)
    assert "hidden-word" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("tls", [True, "ca.pem", object(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)])
def test_what_is_no_context_of_a_client_is_refused(tls: Any) -> None:
    with pytest.raises(SettingError, match=r"Backend\(tls=…\): give an ssl.SSLContext of a client"):
        Backend("https://erp.test/", tls=tls)


def test_a_context_is_refused_where_there_is_no_tls() -> None:
    with pytest.raises(SettingError, match=r"Backend\(tls=…\): the address begins with http:"):
        Backend("http://erp.test/", tls=TLS)


def test_a_library_that_would_not_go_by_the_context_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(HTTPAdapter, "build_connection_pool_key_attributes")
    with pytest.raises(SettingError, match=r"install requests 2\.32\.3 or newer"):
        Backend("https://erp.test/", tls=TLS).exchange().requests()


def test_a_proxy_may_be_named_in_many_ways() -> None:
    for proxy, url in {
        "http://proxy.example": "http://proxy.example:80",
        "HTTP://Proxy.Example:3128/": "http://proxy.example:3128",
        "http://[::1]:3128": "http://[::1]:3128",
        "http://user@127.0.0.1:8080": "http://127.0.0.1:8080",
    }.items():
        way = Backend("https://erp.test/", proxy=proxy).way
        assert way.proxy is not None
        assert way.proxy.url == url
