"""Tells: the store has a clock that all nodes share."""

from __future__ import annotations

import pytest

from sojourn.store.base import Store, Tells
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["TellingContract"]


class TellingContract(Ground):
    """The promises of `Tells`."""

    async def test_the_time_of_the_store_is_the_one_by_which_records_expire(
        self, store: Store, tells: Tells, clock: FakeClock
    ) -> None:
        record = records.new(clock)
        await store.save(record, over=None)
        assert tells.now() == pytest.approx(clock(), abs=1)
        assert tells.now() < record.expires_at
        clock.now = record.expires_at
        assert await store.load(record.key, record.app) is None
        assert tells.now() >= record.expires_at
