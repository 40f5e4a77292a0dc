"""What every store promises, by every store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from sojourn.store import Store
from sojourn.store.memory import MemoryStore
from sojourn.store.sqlite import SqliteStore
from sojourn.store.sqlite.disk import Disk
from sojourn.testing import FakeClock, StoreContract


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryStore:
        return MemoryStore(clock=clock)

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, MemoryStore)
        kept = {name: value for name, value in vars(store._memory).items() if isinstance(value, dict)}
        yield msgspec.msgpack.encode({name: list(value.items()) for name, value in kept.items()})


class TestMemoryThatIsFull(TestMemory):
    """One session is in memory, all others are on disk."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryStore:
        return MemoryStore(entries=1, clock=clock)

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, MemoryStore)
        yield from super().raw_bytes(store)
        for disk in store._tiers[1:]:
            assert isinstance(disk, Disk)
            assert disk._connection is not None
            yield disk._connection.serialize()


class TestMemoryThatIsFilledUp(TestMemory):
    """Sessions are in memory and on disk."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryStore:
        return MemoryStore(entries=2, clock=clock)


class TestSqlite(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> SqliteStore:
        return SqliteStore(tmp_path / "sessions.db", clock=clock)

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, SqliteStore)
        files = sorted(store._path.parent.iterdir())
        assert [file.name for file in files] == ["sessions.db", "sessions.db-shm", "sessions.db-wal"]
        return (file.read_bytes() for file in files)


class TestSqliteWithFullDurability(TestSqlite):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> SqliteStore:
        return SqliteStore(tmp_path / "sessions.db", durability="full", clock=clock)
