"""What every store promises, by one that saves behind the response: for those who come through it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from sojourn.core.record import Record
from sojourn.store import Store
from sojourn.store.base import Watches
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock, StoreContract

LATER = Behind(interval=3600)


class Prompt(BehindStore):
    """Saves what is queued before it answers."""

    async def save(self, record: Record, *, over: Record | None) -> None:
        await super().save(record, over=over)
        await self.flush()


def all_of(store: Store) -> Iterable[bytes]:
    assert isinstance(store, BehindStore)
    assert isinstance(store.inner, MemoryStore)
    yield msgspec.msgpack.encode([(entry.base, entry.newest) for entry in store._queue])
    kept = {name: value for name, value in vars(store.inner._memory).items() if isinstance(value, dict)}
    yield msgspec.msgpack.encode({name: list(value.items()) for name, value in kept.items()})


class TestBehindMemory(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> BehindStore:
        return BehindStore(MemoryStore(clock=clock), LATER)

    @pytest.fixture
    def watches(self) -> Watches:
        pytest.skip("a watch tells what is stored: see the prompt one")

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        return all_of(store)


class TestBehindSqlite(TestBehindMemory):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> BehindStore:
        return BehindStore(SqliteStore(tmp_path / "sessions.db", clock=clock), LATER)

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, BehindStore)
        assert isinstance(store.inner, SqliteStore)
        yield msgspec.msgpack.encode([(entry.base, entry.newest) for entry in store._queue])
        yield from (file.read_bytes() for file in store.inner._path.parent.iterdir())


class TestPrompt(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> BehindStore:
        return Prompt(MemoryStore(clock=clock), LATER)

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        return all_of(store)


class TestAQueueThatIsFull(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> BehindStore:
        return BehindStore(MemoryStore(clock=clock), Behind(interval=3600, queue_size=1, max_items=1))

    @pytest.fixture
    def watches(self) -> Watches:
        pytest.skip("as for one that is not full")

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        return all_of(store)
