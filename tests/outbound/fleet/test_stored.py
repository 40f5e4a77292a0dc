"""What is stored of sessions at back ends, and what becomes of calls when it cannot be."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.outbound.fleet.conftest import KEY, SEAL, Node, maker
from tests.outbound.fleet.test_sharing import get

from sojourn import Sessions
from sojourn.core.events import Event
from sojourn.core.record import Record
from sojourn.errors import SettingError, StoreUnavailable
from sojourn.outbound import Backend
from sojourn.outbound.events import StoreAway
from sojourn.store.base import Query
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeBackend, FakeClock


class Hindered(MemoryStore):
    """Is away when told so, and can be held in the middle of a step."""

    away = False
    held: str = ""
    reached: asyncio.Event

    async def load(self, key: str, app: str) -> Record | None:
        await self._hinder("load")
        return await super().load(key, app)

    async def save(self, record: Record, *, over: Record | None) -> None:
        await self._hinder("save")
        await super().save(record, over=over)

    async def touch(self, record: Record) -> bool:
        await self._hinder("touch")
        return await super().touch(record)

    async def _hinder(self, step: str) -> None:
        if self.away:
            raise StoreUnavailable("the store is away")
        if self.held == step:
            self.reached.set()
            await asyncio.Event().wait()


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_none_of_it_is_readable_behind_the_back_of_the_store(fake: FakeBackend, tmp_path: Path) -> None:
    node = maker(fake, f"sqlite:///{tmp_path}/held.db")
    async with node(reuse="user") as one:
        await get(one, "visitor-of-ours")
        [place] = one.held.take()
        assert place.value is not None
        cookies = [line.split("=")[1] for line in (place.value.jar.header(one.rules.url, now=0.0) or "").split("; ")]
    held = contents(tmp_path)
    assert b"backend:" in held
    for secret in (*cookies, "alice", fake.password_of("alice"), "visitor-of-ours"):
        assert len(secret) > 3
        assert secret.encode() not in held


async def test_applications_over_the_same_store_do_not_see_them(alone: tuple[Node, MemoryStore]) -> None:
    node, store = alone
    async with node() as one:
        await get(one)
        sessions = Sessions(store)
        told: list[object] = []
        sessions.listen(told.append)
        assert await sessions.find() == []
        [record] = await store.find(Query())
        assert await store.touch(msgspec.structs.replace(record, expires_at=record.expires_at))
        assert told == []
        await sessions.close()


def test_no_application_has_such_a_name() -> None:
    with pytest.raises(SettingError, match="backend:"):
        Sessions(app="backend:erp")


async def test_a_sweep_removes_what_has_expired_and_announces_no_end(fake: FakeBackend) -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    async with maker(fake, store)(clock=clock) as one:
        await get(one)
    sessions = Sessions(store, clock=clock)
    told: list[object] = []
    sessions.listen(told.append)
    clock.advance(seconds=86400)
    await sessions.sweep()
    assert len(store._memory) == 0
    assert told == []
    await sessions.close()


async def test_while_the_store_is_away_each_node_is_on_its_own_and_says_so_once(fake: FakeBackend) -> None:
    clock, store = FakeClock(), Hindered()
    node = maker(fake, store)
    told: list[Event] = []
    async with node(clock=clock) as one, node() as two:
        one.listen(told.append, StoreAway)
        store.away = True
        for _ in range(3):
            assert await get(one) == 200
            clock.advance(seconds=10.0)
        assert len(told) == 1
        store.away = False
        assert await get(one) == 200
        assert await get(two) == 200
        assert fake.counts().sign_ins == 1


async def test_a_user_is_forgotten_here_though_the_store_is_away_and_the_caller_is_told(fake: FakeBackend) -> None:
    class Unsearchable(MemoryStore):
        async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
            raise StoreUnavailable("the store is away")

    async with maker(fake, Unsearchable())(reuse="user") as one:
        await get(one, "her")
        with pytest.raises(StoreUnavailable):
            await one.aforget("her")
        assert fake.counts().sessions_live == 0


@pytest.mark.parametrize("step", ["load", "save", "touch"])
async def test_a_call_that_is_cancelled_at_the_store_leaves_nothing_half_done(fake: FakeBackend, step: str) -> None:
    clock, store = FakeClock(), Hindered()
    store.reached = asyncio.Event()
    async with maker(fake, store)(clock=clock) as one:
        if step == "touch":
            await get(one)
            await get(one)
            clock.advance(seconds=120.0)
        store.held = step
        call = asyncio.create_task(get(one))
        await store.reached.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        store.held = ""
        async with asyncio.timeout(5):
            assert await get(one) == 200
        assert fake.counts().sign_ins == 1
    assert len(await store.find(Query())) == 1


async def test_a_use_now_and_then_puts_the_end_off(fake: FakeBackend) -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    async with maker(fake, store)(clock=clock) as one, maker(fake, store)(clock=clock) as two:
        for _ in range(10):
            await get(one)
            clock.advance(seconds=1000.0)
        assert await get(two) == 200
        assert fake.counts().sign_ins == 1


async def test_what_each_node_changed_of_one_session_is_kept(
    fake: FakeBackend, alone: tuple[Node, MemoryStore]
) -> None:
    node, _ = alone
    async with node() as one, node() as two, node() as three:
        await get(one)
        await get(two)
        for number, each in enumerate((one, two)):
            [place] = each.held._places.values()
            assert place.value is not None
            place.value.jar.receive(fake.url, [f"of{number}=1; Path=/"], now=0.0)
            place.value.changed = True
            await get(each)
        await get(three)
        [place] = three.held._places.values()
        assert place.value is not None
        assert {"of0", "of1"} < {cookie.name for cookie in place.value.jar}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"reuse": "exchange"}, "flow"),
        ({"seal": None}, "seal="),
        ({"key": None}, "key="),
        ({"key": b"short"}, "key="),
        ({"identity": "first"}, "first"),
        ({"reuse": "user", "stateful": True}, "stateful"),
        ({"store": 5}, "a Store"),
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, Any], told: str) -> None:
    given = {"reuse": "flow", "store": "sqlite:///held.db", "seal": SEAL, "key": KEY, **settings}
    with pytest.raises(SettingError, match=told):
        Backend("http://erp.example", **given)
