"""What every store promises, by Valkey, by Redis 7, by Redis 7 over TLS, and by a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.fixtures.valkeys import PASSWORD, Cluster, ValkeyServer, dump

from sojourn.store import Store
from sojourn.store.valkey import ValkeyStore
from sojourn.testing import FakeClock, StoreContract


class TestValkey(StoreContract):
    clients: Callable[[], list[Any]]

    @pytest.fixture
    def store(self, clock: FakeClock, valkey_server: ValkeyServer, valkey_prefix: str) -> ValkeyStore:
        self.clients = lambda: [valkey_server.client()]
        return ValkeyStore(f"{valkey_server.url}?prefix={valkey_prefix}", clock=clock)

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, ValkeyStore)
        return dump(self.clients(), store._address.prefix)


@pytest.mark.unmeasured
class TestRedis(TestValkey):
    @pytest.fixture
    def store(self, clock: FakeClock, redis_server: ValkeyServer, valkey_prefix: str) -> ValkeyStore:
        self.clients = lambda: [redis_server.client(db=3)]
        return ValkeyStore(f"redis://127.0.0.1:{redis_server.port}/3?prefix={valkey_prefix}", clock=clock)


@pytest.mark.unmeasured
class TestRedisOverTls(TestValkey):
    @pytest.fixture
    def store(self, clock: FakeClock, tls_server: ValkeyServer, certificates: Path, valkey_prefix: str) -> ValkeyStore:
        ca = certificates / "ca.pem"
        self.clients = lambda: [tls_server.client(ssl=True, ssl_ca_certs=ca, username="root", password=PASSWORD)]
        address = f"rediss://shop:{quote(PASSWORD, safe='')}@localhost:{tls_server.port}"
        return ValkeyStore(f"{address}?ca={ca}&prefix={valkey_prefix}", clock=clock)


class TestCluster(TestValkey):
    @pytest.fixture
    def store(self, clock: FakeClock, valkey_cluster: Cluster, valkey_prefix: str) -> ValkeyStore:
        self.clients = lambda: [server.client() for server in valkey_cluster.servers]
        return ValkeyStore(f"{valkey_cluster.url}?prefix={valkey_prefix}", clock=clock)
