"""The same steps on the store in memory and on Valkey."""

from __future__ import annotations

import itertools

import pytest
from tests.fixtures.two_stores import agree
from tests.fixtures.valkeys import Cluster

from sojourn.store.valkey import ValkeyStore


@pytest.mark.timeout(300)
def test_valkey_does_as_memory_does(valkey_address: str, valkey_prefix: str) -> None:
    numbers = itertools.count()
    agree(lambda clock: ValkeyStore(f"{valkey_address}?prefix={valkey_prefix}:{next(numbers)}", clock=clock))


@pytest.mark.timeout(300)
def test_a_cluster_does_as_memory_does(valkey_cluster: Cluster, valkey_prefix: str) -> None:
    numbers = itertools.count()
    agree(
        lambda clock: ValkeyStore(f"{valkey_cluster.url}?prefix={valkey_prefix}:{next(numbers)}", clock=clock),
        examples=20,
    )
