"""The promises that pytest finds: those of every store, held against the one that is checked."""

from __future__ import annotations

import pytest

from sojourn.store.base import Store
from sojourn.testing.check.subject import Subject
from sojourn.testing.clock import FakeClock
from sojourn.testing.store_contract import StoreContract

__all__ = ["TestStore"]


class TestStore(StoreContract):
    """The contract of the store that is checked."""

    @pytest.fixture
    def store(self, clock: FakeClock, subject: Subject) -> Store:
        """A fresh and empty one."""
        return subject.make(clock)
