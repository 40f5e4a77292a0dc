"""What every store promises, by PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.fixtures.postgres import stored_bytes

from sojourn.store import Store, open_store
from sojourn.testing import FakeClock, StoreContract


class TestPostgres(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock, postgres_url: str) -> Store:
        self.url = postgres_url
        return open_store(postgres_url, clock=clock)

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        return stored_bytes(self.url)
