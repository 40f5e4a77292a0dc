"""What every store promises, by every store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from sojourn.store import Store
from sojourn.store.memory import MemoryStore
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock, StoreContract


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryStore:
        return MemoryStore(clock=clock)

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        kept = {name: value for name, value in vars(store).items() if isinstance(value, dict)}
        yield msgspec.msgpack.encode({name: list(value.items()) for name, value in kept.items()})


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
