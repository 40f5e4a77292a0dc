"""Two nodes with one session: what each queued and the other stored is put together, or given up and told."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest
from tests.fixtures.watched import WatchedStore
from tests.store.behind.changed import changed, created, held, on, renewed, signed_in, with_attributes

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, OutcomeUnknown, Overtaken, StoreUnavailable
from sojourn.store.base import Query
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


async def seen_by(node: BehindStore, record: Record) -> Record:
    found = await node.load(record.key, record.app)
    assert found is not None
    return found


async def test_changes_of_different_attributes_are_both_kept(
    node: BehindStore, other: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first = await created(node, clock, old=1, a=0, b=0)
    await seen_by(other, first)
    mine = await changed(node, first, a=1, new=1, old=None)
    await changed(node, mine, a=2)
    await changed(other, first, b=1)
    await other.flush()
    await node.flush()
    stored = await seen_by(node, first)
    assert held(stored) == {"a": 2, "b": 1, "new": 1}
    assert stored.version > 3
    assert await memory.load(first.key, first.app) == stored
    assert node.counts.merged == 1


async def test_of_two_changes_of_one_attribute_the_one_that_is_stored_later_wins(
    node: BehindStore, other: BehindStore, clock: FakeClock
) -> None:
    first = await created(node, clock, a=0)
    await seen_by(other, first)
    await changed(node, first, a="mine")
    await changed(other, first, a="theirs")
    await other.flush()
    await node.flush()
    assert held(await seen_by(node, first)) == {"a": "mine"}


async def test_a_change_that_was_made_before_the_merge_conflicts_with_what_came_of_it(
    node: BehindStore, other: BehindStore, inner: WatchedStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    await seen_by(other, first)
    mine = await changed(node, first, a=1)
    await changed(other, first, b=1)
    await other.flush()
    gate = inner.pause("save")
    flushing = asyncio.create_task(node.flush())
    await gate.reached.wait()
    mine = await changed(node, mine, a=2)
    gate.opened.set()
    await flushing
    with pytest.raises(Conflict) as caught:
        await changed(node, mine, a=3)
    assert held(caught.value.stored) == {"a": 2, "b": 1}


@pytest.mark.parametrize("how", ["signed in", "ended", "deleted"])
async def test_what_was_queued_is_given_up_when_the_session_is_not_the_visitors_any_more(
    node: BehindStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock, how: str
) -> None:
    first = await created(node, clock)
    mine = await changed(node, first, a=1)
    if how == "signed in":
        await signed_in(memory, first, clock)
    elif how == "ended":
        await memory.end(first.key, first.app, reason="revoked", lease=30)
    else:
        await memory.delete(first.key, first.app)
    await node.flush()
    assert (dropped, node.counts.dropped, node.depth) == ([mine], 1, 0)
    assert await node.load(first.key, first.app) is None
    with pytest.raises(Gone):
        await changed(node, mine, a=2)


async def test_what_was_queued_is_given_up_when_the_session_is_in_other_hands_at_the_same_key(
    node: BehindStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock
) -> None:
    first = await created(node, clock)
    mine = await changed(node, first, a=1)
    theirs = records.newer(first, data=first.data, principal="bob", epoch=1)
    await memory.save(theirs, over=first)
    await node.flush()
    assert await node.load(first.key, first.app) == theirs
    assert dropped == [mine]


async def test_what_cannot_be_read_is_not_written_over(
    node: BehindStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock
) -> None:
    first = await created(node, clock)
    mine = await changed(node, first, a=1)
    theirs = records.newer(first, data=b"\xc1?")
    await memory.save(theirs, over=first)
    await node.flush()
    assert await memory.load(first.key, first.app) == theirs
    assert dropped == [mine]


@pytest.mark.parametrize("by", ["old key", "new key", "flush"])
async def test_a_session_that_was_renewed_elsewhere_goes_on_at_its_new_key(
    node: BehindStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock, by: str
) -> None:
    first = await created(node, clock)
    mine = await changed(node, first, a=1)
    moved = await renewed(memory, first, clock)
    if by == "flush":
        await node.flush()
    found = await node.load(moved.key if by == "new key" else first.key, first.app)
    assert found is not None
    assert held(found) == {"a": 1}
    assert found.key == (first.key if by == "old key" else moved.key)
    after = await changed(node, found, b=1)
    await node.flush()
    stored = await memory.load(moved.key, moved.app)
    assert held(stored) == {"a": 1, "b": 1}
    assert await node.load(first.key, first.app) == stored
    assert (dropped, node.depth) == ([], 0)
    assert after.version > mine.version


async def test_who_signed_in_elsewhere_sees_nothing_of_what_is_queued(
    node: BehindStore, memory: MemoryStore, dropped: list[Record], clock: FakeClock
) -> None:
    first = await created(node, clock)
    await changed(node, first, secret=1)
    moved = await signed_in(memory, first, clock)
    assert await node.load(moved.key, moved.app) == moved
    assert await node.load(first.key, first.app) is None
    assert len(dropped) == 1


async def test_an_end_carries_what_both_changed(node: BehindStore, memory: MemoryStore, clock: FakeClock) -> None:
    first = await created(node, clock)
    await changed(node, first, a=1)
    theirs = with_attributes(first, b=1)
    await memory.save(theirs, over=first)
    assert held(await node.end(first.key, first.app, reason="signed-out", lease=30)) == {"a": 1, "b": 1}


async def test_a_move_over_what_another_node_changed_meets_both(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    mine = await changed(node, first, a=1)
    await memory.save(with_attributes(first, b=1), over=first)
    with pytest.raises(Conflict) as caught:
        await signed_in(node, mine, clock)
    both = caught.value.stored
    assert held(both) == {"a": 1, "b": 1}
    assert both is not None
    moved = await signed_in(node, both, clock)
    assert await memory.load(moved.key, moved.app) == moved


async def test_a_search_does_not_show_what_was_queued_for_somebody_else(
    node: BehindStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    await changed(node, first, secret=1)
    moved = await signed_in(memory, first, clock)
    assert await node.find(Query(principal="alice")) == [moved]


class Wandering(WatchedStore):
    """A store whose every answer takes some turns, and is lost now and then."""

    def __init__(self, store: Any, chance: random.Random, *, losses: float = 0.0) -> None:
        super().__init__(store)
        self.chance = chance
        self.losses = losses

    async def _do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        await self._wander()
        result = await super()._do(name, *args, **kwargs)
        await self._wander()
        if name == "save" and self.chance.random() < self.losses:
            raise OutcomeUnknown("the answer was lost; look")
        return result

    async def _wander(self) -> None:
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)


class Visitor:
    """Counts on one node, in attributes of its own."""

    def __init__(self, node: BehindStore, name: str, key: str, clock: FakeClock) -> None:
        self.node, self.name, self.key, self.clock = node, name, key, clock
        self.acknowledged = 0
        self.version = 0

    async def count(self) -> None:
        while True:
            found = await self.node.load(self.key, "shop")
            assert found is not None
            assert held(found).get(self.name, 0) == self.acknowledged  # what this node acknowledged is seen here
            assert found.version >= self.version
            await asyncio.sleep(0)
            newer = on(with_attributes(found, **{self.name: self.acknowledged + 1}), self.name)
            try:
                await self.node.save(newer, over=found)
            except Conflict:
                continue
            self.acknowledged += 1
            self.version = newer.version
            return

    async def renew(self) -> None:
        """Once; gives up where another was faster."""
        found = await self.node.load(self.key, "shop")
        assert found is not None
        self.clock.advance(seconds=0.001)
        moved = on(records.renewed(found, self.clock, data=found.data, accessed_at=found.accessed_at), self.name)
        try:
            await self.node.save(moved, over=found)
        except Conflict:
            return


async def flush_until(node: BehindStore, done: asyncio.Event, chance: random.Random) -> None:
    while not done.is_set():
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        with contextlib.suppress(OutcomeUnknown, Overtaken):
            await node.flush()


@pytest.mark.parametrize("seed", range(40))
async def test_two_nodes_lose_nothing_that_they_acknowledged_in_whatever_order_things_happen(
    memory: MemoryStore, clock: FakeClock, dropped: list[Record], seed: int
) -> None:
    chance, done = random.Random(seed), asyncio.Event()
    stores = [Wandering(memory, chance, losses=0.1 * (seed % 2)) for _ in range(2)]
    settings = Behind(interval=3600, queue_size=1 + seed % 3)
    nodes = [BehindStore(store, settings, dropped=dropped.append) for store in stores]
    first = await created(memory, clock)

    async def visit(visitor: Visitor) -> None:
        for _ in range(20):
            await visitor.count()
            if not seed % 2 and chance.random() < 0.1:
                await visitor.renew()

    flushing = asyncio.gather(*(flush_until(node, done, chance) for node in nodes))
    try:
        visitors = [Visitor(node, name, first.key, clock) for node, name in zip(nodes, "ab", strict=True)]
        await asyncio.gather(*map(visit, visitors))
    finally:
        done.set()
        await flushing
    for node, store in zip(nodes, stores, strict=True):
        store.losses = 0
        await node.flush()
    [stored] = await memory.find(Query())
    assert held(stored) == {"a": 20, "b": 20}
    assert (dropped, [node.depth for node in nodes]) == ([], [0, 0])


class Crowd:
    """Tasks that count on one node, each in an attribute of its own, until the session has ended."""

    def __init__(self, node: BehindStore, first: Record) -> None:
        self.node, self.first = node, first
        self.acknowledged = 0
        self.enough = asyncio.Event()
        self.ended = asyncio.Event()

    async def visit(self, number: int) -> None:
        while True:
            over = self.ended.is_set()
            found = await self.node.load(self.first.key, self.first.app)
            assert not (over and found)
            if found is None:
                return
            await asyncio.sleep(0)  # what is queued is served without a pause
            try:
                await changed(self.node, found, **{str(number): held(found).get(str(number), 0) + 1})
            except Conflict:
                continue
            except Gone:
                return
            self.acknowledged += 1
            if self.acknowledged == 20:
                self.enough.set()


@pytest.mark.parametrize("how", ["end", "delete"])
@pytest.mark.parametrize("seed", range(20))
async def test_what_has_ended_stays_ended_on_its_node_whatever_is_under_way(
    memory: MemoryStore, clock: FakeClock, seed: int, how: str
) -> None:
    chance = random.Random(seed)
    node = BehindStore(Wandering(memory, chance), Behind(interval=3600))
    crowd = Crowd(node, await created(node, clock))
    key, app = crowd.first.key, crowd.first.app

    async def end() -> None:
        await crowd.enough.wait()
        if how == "end":
            ended = await node.end(key, app, reason="signed-out", lease=30)
            assert sum(held(ended).values()) == crowd.acknowledged
        else:
            assert await node.delete(key, app)
        crowd.ended.set()

    await asyncio.gather(end(), flush_until(node, crowd.ended, chance), *map(crowd.visit, range(4)))
    await node.flush()
    assert node.depth == 0
    assert await node.load(key, app) is None


async def test_a_store_that_is_away_while_two_nodes_collide_loses_nothing(
    node: BehindStore, inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    first = await created(node, clock)
    mine = await changed(node, first, a=1)
    await memory.save(with_attributes(first, b=1), over=first)

    async def away(*_: Any) -> None:
        raise StoreUnavailable("gone; start it")

    async def collides(*_: Any) -> None:
        raise Conflict

    inner.before |= {"save": collides, "load": away}
    with pytest.raises(StoreUnavailable):
        await node.flush()
    assert await node.load(mine.key, mine.app) == mine
    inner.before.clear()
    await node.flush()
    assert held(await memory.load(first.key, first.app)) == {"a": 1, "b": 1}
