"""PostgreSQL does as the store in memory does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fixtures.two_stores import agree

from sojourn.store import open_store

pytestmark = [pytest.mark.long, pytest.mark.unmeasured]


def test_postgres_does_as_memory_does(postgres_urls: Callable[[], str]) -> None:
    agree(lambda clock: open_store(postgres_urls(), clock=clock), examples=30)
