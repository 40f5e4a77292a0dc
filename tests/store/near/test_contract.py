"""The contract of every store, with copies in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sojourn.core.record import Record
from sojourn.store.base import Store
from sojourn.store.memory import MemoryStore
from sojourn.store.near import NearStore
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock, StoreContract


class Visited(NearStore):
    """Loads as a request does whose visitor tells a version that is older than all: from memory wherever possible."""

    async def load(self, key: str, app: str) -> Record | None:
        async with asyncio.timeout(10):
            while not self.healthy:
                self._watch.start()
                await asyncio.sleep(0)
        return self.recall(key, app, 0) or await self.fetch(key, app, 0)


class TestNearMemory(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> NearStore:
        return NearStore(MemoryStore(clock=clock), node="n1")

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, NearStore)
        assert isinstance(store.inner, MemoryStore)
        yield dump(store.inner._memory)
        yield dump(store._copies.entries)


class TestNearMemoryVisited(TestNearMemory):
    @pytest.fixture
    def store(self, clock: FakeClock) -> NearStore:
        return Visited(MemoryStore(clock=clock), node="n1")


class TestNearSqlite(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> NearStore:
        return NearStore(SqliteStore(tmp_path / "sessions.db", clock=clock), node="n1")

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, NearStore)
        assert isinstance(store.inner, SqliteStore)
        yield from (file.read_bytes() for file in store.inner._path.parent.iterdir())
        yield dump(store._copies.entries)


class TestNearSqliteVisited(TestNearSqlite):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> NearStore:
        return Visited(SqliteStore(tmp_path / "sessions.db", clock=clock), node="n1")


def dump(thing: Any) -> bytes:
    kept = {name: list(value.items()) for name, value in vars(thing).items() if isinstance(value, dict)}
    return msgspec.msgpack.encode(kept)
