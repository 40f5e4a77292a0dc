"""Servers for the clients under test."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
from tests.inbound.tracking.authority import Authority
from tests.outbound.drivers.clients import CLIENTS, Client, Via
from tests.outbound.drivers.server import Reply, Server

from sojourn.testing.backend import FakeBackend

HOSTS = ("web-platform.test", "*.web-platform.test", "not-web-platform.test")


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[Client]:
    """Each of the clients."""
    return CLIENTS[request.param]


@pytest.fixture(params=[name for name, kind in CLIENTS.items() if kind.cancels])
def cancelling(request: pytest.FixtureRequest) -> type[Client]:
    """Each of those whose calls can be cancelled."""
    return CLIENTS[request.param]


@pytest.fixture(scope="module")
def running() -> Iterator[FakeBackend]:
    with FakeBackend() as backend:
        yield backend


@pytest.fixture
def fake(running: FakeBackend) -> FakeBackend:
    """A picky back end, as new; tests say by `reset` how it behaves."""
    running.reset()
    return running


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers what a test tells it to."""
    with Server(lambda _: Reply()) as server:
        yield server


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Via]]:
    """A server that is at every host, and how to reach it."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    of_server.load_cert_chain(authority.sign("server", *HOSTS))
    of_client = ssl.create_default_context(cafile=authority.path)
    with Server(lambda _: Reply(), of_server) as server:
        yield server, Via(server.url, of_client, str(authority.path))
