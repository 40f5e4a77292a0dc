"""The same steps on the store in memory and on those around one: whatever it is, every answer must be the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fixtures.two_stores import agree
from tests.store.around.test_contract import KEYS
from tests.store.behind.test_contract import LATER, Prompt

from sojourn.store import Store, open_store
from sojourn.store.near import NearStore
from sojourn.store.sealed import SealedStore
from sojourn.testing import FakeClock

pytestmark = pytest.mark.unmeasured

EXAMPLES = 10
Fresh = Callable[[], str]


@pytest.fixture(params=["memory", "sqlite", "postgres", "valkey"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Fresh:
    """Gives addresses of stores that are fresh and empty."""
    numbers = itertools.count()
    if request.param == "memory":
        return lambda: "memory:"
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{next(numbers)}.db"
    if request.param == "postgres":
        urls: Fresh = request.getfixturevalue("postgres_urls")
        return urls
    url = f"{request.getfixturevalue('valkey_address')}?prefix={request.getfixturevalue('valkey_prefix')}"
    return lambda: f"{url}:{next(numbers)}"


def near(store: Store) -> Store:
    return NearStore(store, node="n1")


def sealed(store: Store) -> Store:
    return SealedStore(store, KEYS)


def behind(store: Store) -> Store:
    """Each change is queued, and stored before the next step: what is queued only, a watch does not tell."""
    return Prompt(store, LATER)


def all_of_them(store: Store) -> Store:
    return behind(near(sealed(store)))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("around", [near, sealed, behind, all_of_them])
def test_with_others_around_it_a_store_does_as_memory_does(fresh: Fresh, around: Callable[[Store], Store]) -> None:
    def make(clock: FakeClock) -> Store:
        return around(open_store(fresh(), clock=clock))

    agree(make, examples=EXAMPLES)
