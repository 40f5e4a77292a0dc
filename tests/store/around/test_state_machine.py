"""The same steps on the store in memory and on those around one that all nodes share."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from tests.fixtures.two_stores import agree
from tests.store.around.test_contract import KEYS

from sojourn.store import Store, open_store
from sojourn.store.near import NearStore
from sojourn.store.sealed import SealedStore

EXAMPLES = 12


def around(store: Store) -> Store:
    return NearStore(SealedStore(store, KEYS), node="n1")


@pytest.mark.timeout(300)
def test_around_postgres_they_do_as_memory_does(postgres_urls: Callable[[], str]) -> None:
    agree(lambda clock: around(open_store(postgres_urls(), clock=clock)), examples=EXAMPLES)


@pytest.mark.timeout(300)
def test_around_valkey_they_do_as_memory_does(valkey_address: str, valkey_prefix: str) -> None:
    numbers = itertools.count()
    urls = (f"{valkey_address}?prefix={valkey_prefix}:{number}" for number in numbers)
    agree(lambda clock: around(open_store(next(urls), clock=clock)), examples=EXAMPLES)
