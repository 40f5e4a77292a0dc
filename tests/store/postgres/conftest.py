"""PostgreSQL stores in a fresh schema, closed when the test is over."""

from __future__ import annotations

import pytest
from tests.fixtures.postgres import postgres_address, postgres_url

from sojourn.testing import FakeClock

__all__ = ["postgres_address", "postgres_url"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
