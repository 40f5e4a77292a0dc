"""What cannot be saved holds up nothing else."""

from __future__ import annotations

import contextlib

import msgspec

from sojourn.core.record import Record
from sojourn.errors import StoreUnavailable
from sojourn.store.around import Around
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


class HalfAway(Around):
    """Some shards of it are away."""

    away: frozenset[str] = frozenset()

    async def save(self, record: Record, *, over: Record | None) -> None:
        if record.ref in self.away:
            raise StoreUnavailable("this shard is away")
        await super().save(record, over=over)


async def test_sessions_of_a_shard_that_answers_are_saved_while_another_is_away() -> None:
    clock = FakeClock()
    inner = HalfAway(MemoryStore(clock=clock))
    node = BehindStore(inner, Behind(interval=3600, max_items=4), clock=clock)
    made = [records.new(clock) for _ in range(20)]
    for record in made:
        await node.save(record, over=None)
    inner.away = frozenset(record.ref for record in made[:4])
    for record in made:
        await node.save(msgspec.structs.replace(record, version=2), over=record)
    for _ in range(10):
        with contextlib.suppress(StoreUnavailable):
            await node.flush()
    assert node.depth == 4
    inner.away = frozenset()
    await node.close()
