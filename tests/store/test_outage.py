"""Outage: what visitors get while the store is away, by each policy. Nobody sees another's data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, get_args

import msgspec
import pytest
from tests.fixtures.watched import WatchedStore

from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.errors import Gone, SettingError, StoreUnavailable
from sojourn.store import Store
from sojourn.store.base import Beat, Change, Query, Recalls, power
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.breaker import BreakerStore
from sojourn.store.memory import MemoryStore
from sojourn.store.near import Near, NearStore
from sojourn.store.outage import Outage, OutageStore
from sojourn.store.stack import Outer, stacked
from sojourn.testing import FakeClock, StoreContract
from sojourn.testing.contract import records

PATIENCE = 10  # seconds of real time until something that does not come counts as missed


@pytest.mark.parametrize("policy", get_args(Outage))
class TestOutage(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock, policy: Outage) -> OutageStore:
        return OutageStore(NearStore(MemoryStore(clock=clock), node="n1", outlive=True), policy)

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, OutageStore)
        assert isinstance(store.inner, NearStore)
        assert isinstance(store.inner.inner, MemoryStore)
        kept = {name: value for name, value in vars(store.inner.inner._memory).items() if isinstance(value, dict)}
        yield msgspec.msgpack.encode({name: list(value.items()) for name, value in kept.items()})


class Server(WatchedStore):
    """A store in memory that can be stopped, let hang and started again; its watch breaks with it."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.stopped = asyncio.Event()

    async def watch(self) -> AsyncIterator[Change | Beat]:
        news = self.store.watch()
        told = asyncio.ensure_future(anext(news))
        stopped = asyncio.ensure_future(self.stopped.wait())
        try:
            while not self.stopped.is_set():
                await asyncio.wait([told, stopped], return_when=asyncio.FIRST_COMPLETED)
                if told.done():
                    yield told.result()
                    told = asyncio.ensure_future(anext(news))
            raise StoreUnavailable("the watch broke; start it")
        finally:
            for task in (told, stopped):
                task.cancel()
            await asyncio.wait([told, stopped])
            await news.aclose()

    def stop(self) -> None:
        self.stopped.set()
        self.break_down()

    def hang(self) -> None:
        self.stopped.set()
        for name in ("load", "save", "touch", "moved", "end", "delete"):
            self.before[name] = lambda *_: asyncio.Event().wait()  # type: ignore[assignment]

    def start(self) -> None:
        self.stopped.clear()
        self.before.clear()


class Site:
    """One node, as it is put together, with a store that can go away."""

    def __init__(self, clock: FakeClock, policy: Outage) -> None:
        self.monotonic = FakeClock(0)
        self.memory = MemoryStore(clock=clock)
        self.server = Server(self.memory)
        breaker = BreakerStore(self.server, limit=0.02, monotonic=self.monotonic)
        self.near = NearStore(breaker, Near(), node="n1", clock=clock, outlive=policy == "read-only")
        self.store = OutageStore(self.near, policy, monotonic=self.monotonic)
        self.clock = clock

    async def begin(self) -> None:
        await self.store.open()
        await self.until(healthy=True)

    async def until(self, *, healthy: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.near.healthy is not healthy:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.001)

    async def visitor(self, **fields: Any) -> Record:
        record = records.new(self.clock, **fields)
        await self.store.save(record, over=None)
        return record

    async def go_away(self, how: str = "stopped") -> None:
        self.server.stop() if how == "stopped" else self.server.hang()
        await self.until(healthy=False)

    async def come_back(self) -> None:
        self.server.start()
        self.monotonic.advance(seconds=5)
        await self.until(healthy=True)


@pytest.fixture
def policy() -> Outage:
    return "fail"


@pytest.fixture
def site(clock: FakeClock, policy: Outage) -> Site:
    return Site(clock, policy)


HOW = pytest.mark.parametrize("how", ["stopped", "hanging"])
FAIL = pytest.mark.parametrize("policy", ["fail"])
READ_ONLY = pytest.mark.parametrize("policy", ["read-only"])
ANONYMOUS = pytest.mark.parametrize("policy", ["anonymous"])


@HOW
@FAIL
async def test_to_fail_is_to_tell(site: Site, how: str) -> None:
    await site.begin()
    record = await site.visitor()
    await site.go_away(how)
    for question in (
        lambda: site.store.load(record.key, record.app),
        lambda: site.store.fetch(record.key, record.app, 1),
        lambda: site.store.save(records.newer(record), over=record),
        lambda: site.store.touch(record),
        lambda: site.store.end(record.key, record.app, reason="signed-out", lease=30),
    ):
        with pytest.raises(StoreUnavailable):
            await question()
    await site.come_back()
    assert await site.store.load(record.key, record.app) == record
    await site.store.close()


@HOW
@READ_ONLY
async def test_read_only_serves_what_was_near_and_nothing_else(site: Site, how: str) -> None:
    await site.begin()
    near, far = await site.visitor(principal="alice"), records.new(site.clock, principal="bob")
    await site.memory.save(far, over=None)
    await site.go_away(how)
    for _ in range(3):
        assert await site.store.load(near.key, near.app) == near
        assert await site.store.fetch(near.key, near.app, 1) == near
    for key in (far.key, records.new(site.clock).key):
        with pytest.raises(StoreUnavailable):
            await site.store.load(key, "shop")
    await site.come_back()
    assert await site.store.load(far.key, far.app) == far
    await site.store.close()


@HOW
@READ_ONLY
async def test_read_only_stores_nothing_and_says_so(site: Site, how: str) -> None:
    await site.begin()
    record = await site.visitor()
    await site.go_away(how)
    with pytest.raises(StoreUnavailable):
        await site.store.save(records.newer(record), over=record)
    with pytest.raises(StoreUnavailable):
        await site.store.save(records.new(site.clock), over=None)
    with pytest.raises(StoreUnavailable):
        await site.store.end(record.key, record.app, reason="signed-out", lease=30)
    assert await site.store.touch(record)
    assert await site.store.load(record.key, record.app) == record
    assert site.store.dropped == 1
    await site.come_back()
    await site.store.save(records.newer(record), over=record)
    await site.store.close()


@READ_ONLY
async def test_a_copy_that_the_visitor_has_seen_a_newer_one_of_is_not_served(site: Site) -> None:
    await site.begin()
    record = await site.visitor()
    await site.go_away()
    with pytest.raises(StoreUnavailable):
        await site.store.fetch(record.key, record.app, 2)
    await site.store.close()


@READ_ONLY
async def test_what_had_ended_or_moved_before_the_outage_is_not_served(site: Site, clock: FakeClock) -> None:
    await site.begin()
    ended, elsewhere, moved = await site.visitor(), await site.visitor(), await site.visitor()
    await site.store.end(ended.key, ended.app, reason="signed-out", lease=30)
    await site.memory.end(elsewhere.key, elsewhere.app, reason="signed-out", lease=30)
    new = records.signed_in(moved, clock)
    await site.store.save(new, over=moved)
    async with asyncio.timeout(PATIENCE):
        while site.near.kept(elsewhere.key, elsewhere.app):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
    await site.go_away()
    for record in (ended, elsewhere, moved):
        with pytest.raises(StoreUnavailable):
            await site.store.load(record.key, record.app)
    assert await site.store.load(new.key, new.app) == new
    await site.store.close()


@READ_ONLY
async def test_what_ends_here_while_only_the_watch_is_broken_is_not_served(site: Site) -> None:
    await site.begin()
    record = await site.visitor()
    site.server.stopped.set()
    await site.until(healthy=False)
    await site.store.end(record.key, record.app, reason="signed-out", lease=30)
    site.server.stop()
    with pytest.raises(StoreUnavailable):
        await site.store.load(record.key, record.app)
    await site.store.close()


@READ_ONLY
async def test_a_copy_expires_as_its_session_would(site: Site, clock: FakeClock) -> None:
    await site.begin()
    record = await site.visitor()
    await site.go_away()
    clock.now = record.expires_at
    with pytest.raises(StoreUnavailable):
        await site.store.load(record.key, record.app)
    await site.store.close()


@READ_ONLY
async def test_when_the_store_is_back_no_copy_of_before_is_served(site: Site) -> None:
    await site.begin()
    record = await site.visitor()
    await site.go_away()
    assert await site.store.load(record.key, record.app) == record
    await site.memory.delete(record.key, record.app)
    await site.come_back()
    assert site.near.kept(record.key, record.app) is None
    assert await site.store.load(record.key, record.app) is None
    await site.store.close()


@HOW
@ANONYMOUS
async def test_anonymous_serves_a_visitor_without_the_session_and_drops_what_is_new(site: Site, how: str) -> None:
    await site.begin()
    record = await site.visitor(principal="alice")
    await site.go_away(how)
    assert await site.store.load(record.key, record.app) is None
    assert await site.store.fetch(record.key, record.app, 1) is None
    assert await site.store.moved(record.key, record.app)
    with pytest.raises(Gone):
        await site.store.save(records.new(site.clock), over=None)
    assert await site.store.touch(record)
    await site.come_back()
    assert await site.store.load(record.key, record.app) == record
    await site.store.close()


@ANONYMOUS
async def test_nobody_signs_in_and_no_known_session_changes_without_being_stored(site: Site) -> None:
    await site.begin()
    record = await site.visitor()
    await site.go_away()
    with pytest.raises(StoreUnavailable):
        await site.store.save(records.new(site.clock, principal="alice"), over=None)
    with pytest.raises(StoreUnavailable):
        await site.store.admit(
            records.new(site.clock, principal="alice"), over=None, limit=9, when_full="refuse", lease=30
        )
    for change in (records.newer(record), records.signed_in(record, site.clock)):
        with pytest.raises(StoreUnavailable):
            await site.store.save(change, over=record)
    with pytest.raises(StoreUnavailable):
        await site.store.find(Query(principal="alice"))
    await site.store.close()


@ANONYMOUS
async def test_a_request_that_outlasts_the_outage_makes_no_session_in_the_place_of_the_visitors(site: Site) -> None:
    await site.begin()
    record = await site.visitor(principal="alice")
    await site.go_away()
    assert await site.store.load(record.key, record.app) is None
    await site.come_back()
    assert await site.store.load(record.key, record.app) == record  # by the next request
    assert await site.store.moved(record.key, record.app)
    site.monotonic.advance(seconds=GRACE)
    assert not await site.store.moved(record.key, record.app)
    await site.store.close()


@ANONYMOUS
async def test_a_visitor_who_has_no_session_gets_one_when_the_store_is_back(site: Site) -> None:
    await site.begin()
    never = records.new(site.clock)
    await site.go_away()
    assert await site.store.load(never.key, never.app) is None
    await site.come_back()
    assert await site.store.load(never.key, never.app) is None
    assert not await site.store.moved(never.key, never.app)
    await site.store.close()


@ANONYMOUS
async def test_what_is_remembered_of_an_outage_is_bounded(site: Site) -> None:
    await site.begin()
    await site.go_away()
    for number in range(10_010):
        assert await site.store.load(str(number), "shop") is None
    assert len(site.store._unanswered) == 10_000
    await site.store.close()


@pytest.mark.parametrize("policy", ["read-only", "anonymous"])
async def test_a_store_that_is_late_is_waited_for_by_whoever_opens_it(site: Site) -> None:
    site.server.stop()
    with pytest.raises(StoreUnavailable):
        await site.store.open()
    site.server.start()
    await site.store.open()
    record = await site.visitor()
    assert await site.store.load(record.key, record.app) == record
    await site.store.close()


async def test_queued_changes_are_served_and_added_to_while_the_store_is_away(clock: FakeClock) -> None:
    site = Site(clock, "read-only")
    behind = BehindStore(site.near, Behind(interval=3600))
    store = OutageStore(behind, "read-only")
    await store.open()
    await site.until(healthy=True)
    record = records.new(clock)
    await store.save(record, over=None)
    second = records.newer(record)
    await store.save(second, over=record)
    await site.go_away()
    third = records.newer(second)
    await store.save(third, over=second)
    assert await store.load(record.key, record.app) == third
    await site.come_back()
    await store.close()
    assert await site.memory.load(record.key, record.app) == third


async def test_a_stack_that_is_read_only_keeps_what_was_near(clock: FakeClock) -> None:
    server = Server(MemoryStore(clock=clock))
    outer = Outer(node="n1", near=Near(), behind=None, seal=[bytes(32)], outage="read-only")
    store = stacked(server, outer, clock, dropped=lambda _: None, unreadable=lambda *_: None)
    near = store.inner  # type: ignore[attr-defined]
    async with asyncio.timeout(PATIENCE):
        await near.open()
        while not near.healthy:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        record = records.new(clock)
        await store.save(record, over=None)
        server.stop()
        while near.healthy:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
    assert await store.load(record.key, record.app) == record
    await near.close()


def test_a_policy_that_cannot_work_is_refused(clock: FakeClock) -> None:
    memory = MemoryStore(clock=clock)
    with pytest.raises(SettingError, match="near=Near"):
        OutageStore(memory, "read-only")
    with pytest.raises(SettingError, match="'anonymous'"):
        OutageStore(memory, "panic")  # type: ignore[arg-type]


def test_it_answers_at_once_only_where_the_store_does(clock: FakeClock) -> None:
    memory = MemoryStore(clock=clock)

    class Plain:
        load, save, touch, delete = memory.load, memory.save, memory.touch, memory.delete

    assert power(OutageStore(memory, "anonymous"), Recalls) is not None
    assert power(OutageStore(Plain(), "anonymous"), Recalls) is None
