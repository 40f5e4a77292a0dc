"""Tracking by certificate behind HAProxy, which asks clients for theirs and keeps them at their node."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.fixtures.process import Process, processes
from tests.inbound.tracking.authority import Authority

pytestmark = pytest.mark.usefixtures("bare")

PATIENCE = 30.0  # seconds after which a proxy is taken to have failed

CONFIGURATION = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    retries 3
    option redispatch
frontend shop
    bind 127.0.0.1:{port} ssl crt {server} ca-file {authority} verify optional
    http-request del-header ^client[-_]cert$ -m reg
    http-request set-header Client-Cert {value} if {{ ssl_c_used }} {{ ssl_c_verify 0 }}
    default_backend nodes
backend nodes
    use-server n1 if {{ req.cook(__Host-id-route) -m str n1 }}
    use-server n2 if {{ req.cook(__Host-id-route) -m str n2 }}
    server n1 127.0.0.1:{nodes[0]} check inter 100ms fall 1
    server n2 127.0.0.1:{nodes[1]} check inter 100ms fall 1
"""


class Site(NamedTuple):
    """Two nodes behind a proxy."""

    port: int
    nodes: list[Process]
    authority: Authority


class Client:
    """Each request is a connection of its own: nothing of TLS lasts from one to the next but the certificate."""

    def __init__(self, site: Site, certificate: Path | None = None) -> None:
        self._site = site
        self._tls = ssl.create_default_context(cafile=str(site.authority.path))
        if certificate is not None:
            self._tls.load_cert_chain(certificate)
        self.cookies: dict[str, str] = {}
        self.status = 0

    def ask(self, path: str, headers: dict[str, str] | None = None) -> Any:
        connection = http.client.HTTPSConnection("127.0.0.1", self._site.port, context=self._tls, timeout=PATIENCE)
        with contextlib.closing(connection):
            given = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            connection.request("GET", path, headers={**given, **(headers or {})})
            answer = connection.getresponse()
            self.status = answer.status
            for line in answer.headers.get_all("set-cookie") or ():
                name, _, rest = line.partition("=")
                self.cookies[name] = rest.partition(";")[0]
            body = answer.read()
        return json.loads(body) if self.status == 200 else body


@pytest.fixture(params=[":%[ssl_c_der,base64]:", "%[ssl_c_der,sha2(256),hex]"], ids=["RFC 9440", "digest"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    program = shutil.which("haproxy")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("haproxy is missing: apt-get install haproxy")
        pytest.skip("haproxy is not installed")
    settings = {"tracking": ["certificate"], "certificate": {"proxies": ["127.0.0.1"]}}
    routed = [{**settings, "route": "n1"}, {**settings, "route": "n2"}]
    with processes(tmp_path, f"sqlite:///{tmp_path}/sessions.db", *routed) as nodes, socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
        authority = Authority(tmp_path)
        configuration = tmp_path / "haproxy.cfg"
        configuration.write_text(
            CONFIGURATION.format(
                port=port,
                server=authority.sign("server"),
                authority=authority.path,
                value=request.param,
                nodes=[node.port for node in nodes],
            )
        )
        free.close()
        with (tmp_path / "haproxy.log").open("wb") as log:
            proxy = subprocess.Popen([program, "-db", "-f", str(configuration)], stdout=log, stderr=log)
        try:
            _wait_for(port, proxy, tmp_path / "haproxy.log")
            yield Site(port, nodes, authority)
        finally:
            proxy.terminate()
            proxy.wait(PATIENCE)


def test_the_certificate_alone_keeps_two_clients_apart_over_any_number_of_connections(site: Site) -> None:
    alice, bob = (Client(site, site.authority.sign(name)) for name in ("alice", "bob"))
    assert [alice.ask("/count") for _ in range(3)] == [1, 2, 3]
    assert [bob.ask("/count") for _ in range(2)] == [1, 2]
    alice.cookies.clear()  # the route is not what tells who it is
    assert alice.ask("/count") == 4
    assert alice.cookies.keys() == {"__Host-id-route"}


def test_a_sign_in_and_an_end_are_the_sessions_own(site: Site) -> None:
    alice = Client(site, site.authority.sign("alice"))
    alice.ask("/count")
    alice.ask("/log_in?user=alice")
    assert alice.ask("/who") == ["alice", "alice"]
    alice.ask("/end")
    assert alice.ask("/who") == [None, None]
    assert alice.ask("/count") == 1


def test_a_client_without_a_certificate_can_tell_none_in_any_spelling(site: Site) -> None:
    path = site.authority.sign("alice")
    alice, thief = Client(site, path), Client(site)
    alice.ask("/count")
    der = ssl.PEM_cert_to_DER_cert(path.read_text().partition("-----BEGIN PRIVATE")[0])
    told = _told(der)
    for name in ("Client-Cert", "client-cert", "CLIENT-CERT", "Client_Cert", "client_cert"):
        for value in told:
            assert thief.ask("/has", {name: value}) is False
            thief.ask("/count", {name: value})
            assert thief.status == 403
    assert alice.ask("/count", {"Client-Cert": told[0]}) == 2


def test_a_certificate_of_another_authority_does_not_come_through(site: Site, tmp_path: Path) -> None:
    stranger = Client(site, Authority(tmp_path, "another").sign("alice"))
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        stranger.ask("/count")


def test_who_is_not_the_proxy_is_not_believed_by_a_node(site: Site) -> None:
    path = site.authority.sign("alice")
    Client(site, path).ask("/count")
    der = ssl.PEM_cert_to_DER_cert(path.read_text().partition("-----BEGIN PRIVATE")[0])
    for source, has in (("127.0.0.2", False), ("127.0.0.1", True)):
        connection = http.client.HTTPConnection("127.0.0.1", site.nodes[0].port, source_address=(source, 0))
        with contextlib.closing(connection):
            connection.request("GET", "/has", headers={"Client-Cert": _told(der)[0]})
            assert json.loads(connection.getresponse().read()) is has


def test_the_route_has_its_own_cookie_and_after_a_death_the_other_node_goes_on_and_takes_over(site: Site) -> None:
    alice = Client(site, site.authority.sign("alice"))
    alice.ask("/count")
    first = alice.cookies["__Host-id-route"]
    for count in range(2, 6):
        assert alice.ask("/count") == count
        assert alice.cookies == {"__Host-id-route": first}
    site.nodes[int(first[1]) - 1].signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    answer = alice.ask("/has")
    while alice.status != 200 and time.monotonic() < deadline:
        answer = alice.ask("/has")
    assert answer is True
    assert alice.ask("/count") == 6
    assert alice.cookies == {"__Host-id-route": {"n1": "n2", "n2": "n1"}[first]}


def _told(der: bytes) -> list[str]:
    """The values by which a proxy could tell of it."""
    return [f":{base64.b64encode(der).decode()}:", hashlib.sha256(der).hexdigest()]


def _wait_for(port: int, proxy: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            assert proxy.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        else:
            return
