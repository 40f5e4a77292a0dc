"""Over a near cache: what is queued comes before any copy, and what is near is known to be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
import pytest
from tests.fixtures.watched import WatchedStore
from tests.store.behind.changed import changed, created, held, renewed

from sojourn.errors import Gone
from sojourn.store import Store
from sojourn.store.base import Watches
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.store.near import Near, NearStore
from sojourn.store.outage import OutageStore
from sojourn.store.sealed import SealedStore
from sojourn.testing import FakeClock, StoreContract

LATER = Behind(interval=3600)
PATIENCE = 10  # seconds of real time until a watch that is not on counts as broken


class TestAllOfThem(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> OutageStore:
        sealed = SealedStore(MemoryStore(clock=clock), [bytes(32)])
        near = NearStore(sealed, Near(), node="n1", outlive=True)
        return OutageStore(BehindStore(near, LATER), "read-only")

    @pytest.fixture
    def watches(self) -> Watches:
        pytest.skip("a watch tells what is stored: see the prompt one")

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        memory = store
        while not isinstance(memory, MemoryStore):
            memory = memory.inner  # type: ignore[attr-defined]
        kept = {name: value for name, value in vars(memory._memory).items() if isinstance(value, dict)}
        yield msgspec.msgpack.encode({name: list(value.items()) for name, value in kept.items()})


async def opened(inner: WatchedStore, settings: Behind = LATER) -> BehindStore:
    near = NearStore(inner, Near(), node="n1")
    await near.open()
    async with asyncio.timeout(PATIENCE):
        while not near.healthy:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
    return BehindStore(near, settings)


async def test_what_is_queued_is_recalled_and_then_what_is_stored(inner: WatchedStore, clock: FakeClock) -> None:
    node = await opened(inner)
    first = await created(node, clock)
    second = await changed(node, first, cart=1)
    for flushed in (False, True):
        assert node.recall(first.key, first.app, 2) == second
        assert node.recall(first.key, first.app, 1) == second
        assert node.recall(first.key, first.app, 3) is None
        assert await node.fetch(first.key, first.app, 2) == second
        assert inner.counts.get("load", 0) == 0
        if not flushed:
            await node.flush()
    await node.close()


async def test_a_version_that_never_was_stored_is_served_as_it_is_stored(
    inner: WatchedStore, memory: MemoryStore, clock: FakeClock
) -> None:
    node = await opened(inner)
    first = await created(node, clock)
    await changed(node, first, cart=1)
    elsewhere = BehindStore(NearStore(memory, Near(), node="n2"), LATER)
    assert await elsewhere.fetch(first.key, first.app, 2) == first
    await elsewhere.close()
    await node.close()


async def test_a_change_over_what_was_recalled_is_queued(inner: WatchedStore, clock: FakeClock) -> None:
    node = await opened(inner)
    first = await created(node, clock)
    node._known.forget()  # many sessions later
    recalled = node.recall(first.key, first.app, 1)
    assert recalled is not None
    await changed(node, recalled, cart=1)
    assert (node.depth, inner.counts["save"]) == (1, 1)
    await node.close()


async def test_what_has_ended_is_not_recalled_and_not_queued(inner: WatchedStore, clock: FakeClock) -> None:
    node = await opened(inner)
    first = await created(node, clock)
    second = await changed(node, first, cart=1)
    ended = await node.end(first.key, first.app, reason="signed-out", lease=30)
    assert ended == second
    assert node.recall(first.key, first.app, 1) is None
    assert await node.fetch(first.key, first.app, 1) is None
    with pytest.raises(Gone):
        await changed(node, second, cart=2)
    await node.close()


async def test_while_a_move_is_under_way_nothing_is_recalled_at_the_old_key(
    inner: WatchedStore, clock: FakeClock
) -> None:
    node = await opened(inner)
    record = await changed(node, await created(node, clock), cart=1)
    gate = inner.pause_after("save")
    moving = asyncio.create_task(renewed(node, record, clock))
    await gate.reached.wait()
    assert node.recall(record.key, record.app, 1) is None
    fetching = asyncio.create_task(node.fetch(record.key, record.app, 1))
    gate.opened.set()
    moved = await moving
    assert await fetching == moved
    assert held(moved) == {"cart": 1}
    await node.close()
