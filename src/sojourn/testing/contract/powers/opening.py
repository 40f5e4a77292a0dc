"""Opens: a store opens when it is used, and can be closed at any time."""

from __future__ import annotations

import asyncio

from sojourn.store.base import Opens, Store
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["OpeningContract"]


class OpeningContract(Ground):
    """The promises of `Opens`."""

    async def test_a_store_can_be_opened_early_and_twice(self, store: Store, opens: Opens, clock: FakeClock) -> None:
        await opens.open()
        await opens.open()
        record = records.new(clock)
        await store.save(record, over=None)
        assert await store.load(record.key, record.app) == record

    async def test_a_store_that_was_never_used_can_be_closed(self, opens: Opens) -> None:
        await opens.close()
        await opens.close()

    async def test_a_store_that_was_closed_opens_when_it_is_used_again(
        self, store: Store, opens: Opens, clock: FakeClock
    ) -> None:
        for _ in range(3):
            record = records.new(clock)
            await store.save(record, over=None)
            assert await store.load(record.key, record.app) == record
            await opens.close()
            assert await store.load("absent", "shop") is None
            await opens.close()

    async def test_what_was_asked_for_is_finished_before_the_store_is_closed(
        self, store: Store, opens: Opens, clock: FakeClock
    ) -> None:
        tasks = [asyncio.create_task(store.save(records.new(clock), over=None)) for _ in range(50)]
        await asyncio.sleep(0)  # lets them begin
        await opens.close()
        async with asyncio.timeout(10):
            assert await asyncio.gather(*tasks) == [None] * len(tasks)
