"""What every store promises, by those that stand around a store that all nodes share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import valkey
from tests.fixtures.issued import held
from tests.fixtures.postgres import stored_bytes
from tests.fixtures.valkeys import dump
from tests.store.near.test_contract import Visited

from sojourn.store import Store, Watches, open_store
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.sealed import SealedStore
from sojourn.testing import FakeClock, StoreContract

pytestmark = pytest.mark.unmeasured  # what is around is, around a file, and the store is alone

KEYS = [b"o" * 32, b"n" * 32]


def visited(store: Store) -> Store:
    return Visited(store, node="n1")


def behind(store: Store) -> Store:
    return BehindStore(store, Behind(interval=3600))


def sealed(store: Store) -> Store:
    return SealedStore(store, KEYS)


class Around(StoreContract):
    """The contract of all of them, over the store at `url`."""

    at: str

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture(params=[visited, behind, sealed], ids=lambda around: around.__name__)
    def around(self, request: pytest.FixtureRequest) -> Callable[[Store], Store]:
        return request.param  # type: ignore[no-any-return]

    @pytest.fixture
    def store(self, clock: FakeClock, url: str, around: Callable[[Store], Store]) -> Store:
        self.at = url
        return around(open_store(url, clock=clock))

    @pytest.fixture
    def watches(self, store: Store, around: Callable[[Store], Store]) -> Watches:
        if around is behind:
            pytest.skip("a watch tells what is stored, and what is queued is not")
        assert isinstance(store, Watches)
        return store


class TestAroundPostgres(Around):
    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        return [*stored_bytes(self.at), *held(store)]


class TestAroundValkey(Around):
    @pytest.fixture
    def url(self, valkey_url: str) -> str:
        return valkey_url

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        address, _, prefix = self.at.partition("?prefix=")
        client: Any = valkey.Valkey.from_url(address)
        return [*dump([client], prefix), *held(store)]
