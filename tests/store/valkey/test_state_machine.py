"""The same steps on the store in memory and on Valkey."""

from __future__ import annotations

import itertools

import pytest
from tests.fixtures.two_stores import KEYS, MARKER, agree
from tests.fixtures.valkeys import Cluster

from sojourn.store.valkey import ValkeyStore, endings, layout

pytestmark = [pytest.mark.long, pytest.mark.unmeasured, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def _two_rounds_of_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep looks at the tags of the keys that there are, among others: at all of them it looks in the contract."""
    tags = dict.fromkeys([*map(layout.tag_of, (*KEYS, MARKER)), *layout.TAGS])
    monkeypatch.setattr(layout, "TAGS", sorted(itertools.islice(tags, 2 * endings.ROUND)))


def test_valkey_does_as_memory_does(valkey_address: str, valkey_prefix: str) -> None:
    numbers = itertools.count()
    agree(lambda clock: ValkeyStore(f"{valkey_address}?prefix={valkey_prefix}:{next(numbers)}", clock=clock))


def test_a_cluster_does_as_memory_does(valkey_cluster: Cluster, valkey_prefix: str) -> None:
    numbers = itertools.count()
    agree(
        lambda clock: ValkeyStore(f"{valkey_cluster.url}?prefix={valkey_prefix}:{next(numbers)}", clock=clock),
        examples=20,
    )
