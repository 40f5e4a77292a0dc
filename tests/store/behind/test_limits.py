"""A limit counts what is in use here, though the store does not know of that yet."""

from __future__ import annotations

import pytest
from tests.store.behind.changed import with_attributes

from sojourn.errors import LimitReached
from sojourn.store.behind import BehindStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


@pytest.mark.parametrize("touched", [False, True], ids=["changed", "touched"])
async def test_a_session_whose_time_of_use_is_queued_counts(
    node: BehindStore, clock: FakeClock, *, touched: bool
) -> None:
    first = records.new(clock, principal="alice")
    await node.save(first, over=None)
    clock.now = first.expires_at - 1
    used = with_attributes(first if touched else records.used(first, clock), cart=1)
    await node.save(used, over=first)
    if touched:
        assert await node.touch(records.used(used, clock))
    clock.now = first.expires_at + 1
    another = records.new(clock, principal="alice")
    with pytest.raises(LimitReached):
        await node.admit(another, over=None, limit=1, when_full="refuse", lease=30)
    evicted = await node.admit(another, over=None, limit=1, when_full="end-oldest", lease=30)
    assert [record.ref for record in evicted] == [first.ref]
    assert await node.load(first.key, first.app) is None
