"""A store around a store that times what it is asked: the same answers, and each question is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from tests.fixtures.watched import Gate, WatchedStore

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached, OutcomeUnknown, StoreBusy, StoreFull, StoreUnavailable
from sojourn.store import Lists, Opens, Query, Store, Sweeps, power
from sojourn.store.memory import MemoryStore
from sojourn.store.observed import Asked, ObservedStore, Operation
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock, StoreContract
from sojourn.testing.contract import records


class TestNotObserved(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> ObservedStore:
        return ObservedStore(MemoryStore(clock=clock))

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, ObservedStore)
        assert isinstance(store.inner, MemoryStore)
        kept = {name: value for name, value in vars(store.inner._memory).items() if isinstance(value, dict)}
        yield msgspec.msgpack.encode({name: list(value.items()) for name, value in kept.items()})


class TestObserved(TestNotObserved):
    @pytest.fixture
    def store(self, clock: FakeClock) -> ObservedStore:
        return observed(MemoryStore(clock=clock))


class TestObservedSqlite(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> ObservedStore:
        return observed(SqliteStore(tmp_path / "sessions.db", clock=clock))

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, ObservedStore)
        assert isinstance(store.inner, SqliteStore)
        return (file.read_bytes() for file in store.inner._path.parent.iterdir())


def observed(store: Store) -> ObservedStore:
    around = ObservedStore(store)
    around.observe(lambda _: None)
    return around


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def inner(clock: FakeClock) -> WatchedStore:
    return WatchedStore(MemoryStore(clock=clock))


@pytest.fixture
def store(inner: WatchedStore) -> ObservedStore:
    return ObservedStore(inner)


@pytest.fixture
def told(store: ObservedStore) -> list[Asked]:
    told: list[Asked] = []
    store.observe(told.append)
    return told


@pytest.fixture
def record(clock: FakeClock) -> Record:
    return msgspec.structs.replace(records.new(clock), data=b"12345678", principal="alice")


def shown(told: list[Asked]) -> list[tuple[str, str, int]]:
    return [(each.operation, each.outcome, each.bytes) for each in told]


async def ask_everything(store: ObservedStore, record: Record, clock: FakeClock) -> None:
    place = (record.key, record.app)
    other = msgspec.structs.replace(record, key="other", ref="other")
    await store.open()
    await store.load(*place)
    await store.save(record, over=None)
    await store.load(*place)
    await store.touch(record)
    await store.moved(*place)
    await store.admit(other, over=None, limit=1, when_full="end-oldest", lease=60)
    await store.find(Query())
    await store.hold(other, "me", seconds=10)
    await store.hold(other, "you", seconds=10)
    await store.release(other, "me")
    ended = await store.end(other.key, other.app, reason="revoked", lease=60)
    assert ended is not None
    await store.end(other.key, other.app, reason="revoked", lease=60)
    await store.forget([ended])
    await store.delete(*place)
    await store.touch(record)
    clock.advance(hours=1)
    await store.claim(limit=10, lease=60)
    await store.discard(limit=10)


async def test_every_question_is_told_with_what_it_moved(
    store: ObservedStore, told: list[Asked], record: Record, clock: FakeClock
) -> None:
    await ask_everything(store, record, clock)
    assert shown(told) == [
        ("open", "done", 0),
        ("load", "absent", 0),
        ("save", "done", 8),
        ("load", "done", 8),
        ("touch", "done", 0),
        ("moved", "done", 0),
        ("admit", "done", 16),  # with the one that it evicted
        ("find", "done", 8),
        ("hold", "done", 0),
        ("hold", "refused", 0),
        ("release", "done", 0),
        ("end", "done", 8),
        ("end", "absent", 0),
        ("forget", "done", 0),
        ("delete", "absent", 0),  # it is claimed
        ("touch", "absent", 0),
        ("claim", "done", 8),
        ("discard", "done", 0),
    ]
    assert {each.operation for each in told} == set(get_args(Operation))
    assert all(each.seconds > 0 for each in told)


@pytest.mark.parametrize(
    "error",
    [
        (Conflict(), "conflict"),
        (Gone(), "gone"),
        (LimitReached("x"), "limit"),
        (OutcomeUnknown("x"), "unknown"),
        (StoreFull("x"), "full"),
        (StoreBusy("x"), "unavailable"),
        (StoreUnavailable("x"), "unavailable"),
        (ZeroDivisionError(), "failed"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
@pytest.mark.parametrize("name", ["save", "load", "claim"])
async def test_an_error_goes_on_and_is_told_by_its_kind(
    store: ObservedStore, told: list[Asked], record: Record, error: tuple[Any, str], name: str
) -> None:
    raises, outcome = error

    async def fails(*_: object) -> None:
        raise raises

    assert isinstance(store.inner, WatchedStore)
    store.inner.before[name] = fails
    ask: dict[str, Callable[[], Awaitable[object]]] = {
        "save": lambda: store.save(record, over=None),
        "load": lambda: store.load(record.key, record.app),
        "claim": lambda: store.claim(limit=1, lease=60),
    }
    with pytest.raises(type(raises)) as raised:
        await ask[name]()
    assert raised.value is raises
    assert shown(told) == [(name, outcome, 8 if name == "save" else 0)]


async def test_who_is_cancelled_cancels_the_question(
    store: ObservedStore, inner: WatchedStore, told: list[Asked], record: Record
) -> None:
    gate: Gate = inner.pause("save")
    saving = asyncio.create_task(store.save(record, over=None))
    await gate.reached.wait()
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert shown(told) == [("save", "cancelled", 8)]
    gate.opened.set()
    assert await store.load(record.key, record.app) is None


async def test_an_observer_that_fails_reaches_nobody_and_the_next_is_told(
    store: ObservedStore, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Asked] = []

    def fails(_: Asked) -> None:
        raise Gone

    store.observe(fails)
    store.observe(told.append)
    await store.save(record, over=None)
    assert await store.load(record.key, record.app) == record
    assert len(told) == 2
    assert "an observer failed" in caplog.text
    assert record.key not in caplog.text


async def test_without_observers_the_question_goes_to_the_store_as_it_is(clock: FakeClock, record: Record) -> None:
    inner = MemoryStore(clock=clock)
    store = ObservedStore(inner)
    loading, saving = store.load(record.key, record.app), store.save(record, over=None)
    asked = [each.cr_code for each in (loading, saving)]  # type: ignore[attr-defined]
    assert asked == [MemoryStore.load.__code__, MemoryStore.save.__code__]  # no coroutine of its own in between
    await loading
    await saving


async def test_it_has_the_powers_of_the_store_and_no_more() -> None:
    class Plain:
        async def load(self, *_: object) -> None: ...

        save = touch = delete = load

    assert power(ObservedStore(Plain()), Opens) is None  # type: ignore[arg-type]
    assert power(ObservedStore(Plain()), Sweeps) is None  # type: ignore[arg-type]
    assert power(ObservedStore(MemoryStore()), Lists) is not None


async def test_a_watch_is_handed_on_and_not_timed(store: ObservedStore, told: list[Asked]) -> None:
    watch: AsyncIterator[object] = store.watch()
    await anext(watch)
    assert told == []
    await watch.aclose()  # type: ignore[attr-defined]
