"""The same steps on the store in memory and on SQLite: every answer and every error must be the same."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from sojourn.core.record import Record
from sojourn.errors import Conflict, StoreError
from sojourn.store.base import Change, Query
from sojourn.store.memory import MemoryStore
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock

# Few, so that steps meet each other.
KEYS = [f"key{number}" for number in range(6)]
APPS = ["", "shop"]
REFS = [f"ref{number}" for number in range(4)]
START = 1000.0

keys, apps, refs = st.sampled_from(KEYS), st.sampled_from(APPS), st.sampled_from(REFS)
seconds = st.sampled_from([1.0, 20.0, 40.0, 59.75, 60.0, 100.0, 500.0])

AnyStore = MemoryStore | SqliteStore


class TwoStores(RuleBasedStateMachine):
    """One store tells what the other should have said."""

    records: Bundle[Record] = Bundle("records")
    claims: Bundle[list[Record]] = Bundle("claims")

    @initialize()
    def begin(self) -> None:
        self.directory = TemporaryDirectory(prefix="sojourn-")
        self.path = Path(self.directory.name) / "sessions.db"
        self.clock = FakeClock(START)
        self.memory = MemoryStore(clock=self.clock)
        self.sqlite = SqliteStore(self.path, clock=self.clock)
        self.runner = asyncio.Runner()
        self.told: asyncio.Queue[Change] = asyncio.Queue()
        self.memory._watchers.add(self.told)

    def both(self, ask: Callable[[AnyStore], Awaitable[Any]]) -> Any:
        """What both say; they must not differ."""
        answers = [self.runner.run(outcome(ask, store)) for store in (self.memory, self.sqlite)]
        assert answers[0] == answers[1]
        return answers[0]

    @rule(target=records, key=keys, app=apps, ref=refs, idle=seconds, absolute=st.sampled_from([200.0, math.inf]))
    def create(self, key: str, app: str, ref: str, idle: float, absolute: float) -> Record:
        now = self.clock()
        record = Record(
            key=key,
            app=app,
            ref=ref,
            principal=None,
            epoch=0,
            version=1,
            created_at=now,
            accessed_at=now,
            renewed_at=now,
            expires_at=now + min(idle, absolute),
            absolute_at=now + absolute,
            node="n1",
            data=b"",
        )
        self.both(lambda store: store.save(record, over=None))
        return record

    @rule(target=records, over=records, used=st.booleans(), ref=st.none() | refs)
    def update(self, over: Record, used: bool, ref: str | None) -> Record:
        record = msgspec.structs.replace(self.used(over) if used else over, version=over.version + 1, data=b"update")
        if ref is not None:
            record = msgspec.structs.replace(record, ref=ref)
        self.both(lambda store: store.save(record, over=over))
        return record

    @rule(target=records, over=records, key=keys, sign_in=st.booleans(), node=st.sampled_from(["n1", "n2"]))
    def move(self, over: Record, key: str, sign_in: bool, node: str) -> Record:
        record = msgspec.structs.replace(
            self.used(over),
            key=key,
            version=over.version + 1,
            renewed_at=self.clock(),
            epoch=over.epoch + sign_in,
            principal="alice" if sign_in else over.principal,
            node=node,
        )
        self.both(lambda store: store.save(record, over=over))
        return record

    @rule(target=records, key=keys, app=apps)
    def load(self, key: str, app: str) -> Any:
        _, record = self.both(lambda store: store.load(key, app))
        return multiple() if record is None else record

    @rule(record=records)
    def touch(self, record: Record) -> None:
        self.both(lambda store: store.touch(self.used(record)))

    @rule(key=keys, app=apps)
    def delete(self, key: str, app: str) -> None:
        self.both(lambda store: store.delete(key, app))

    @precondition(lambda self: self.clock() > START + 60)
    @rule(target=claims, lease=seconds)
    def claim(self, lease: float) -> list[Record]:
        _, claimed = self.both(lambda store: claimed_by_ref(store, lease))
        return list(claimed)

    @rule(claimed=claims)
    def forget(self, claimed: list[Record]) -> None:
        self.both(lambda store: store.forget(claimed))

    @rule(record=records)
    def forget_what_may_not_be_claimed(self, record: Record) -> None:
        self.both(lambda store: store.forget([record]))

    @rule(duration=seconds)
    def wait(self, duration: float) -> None:
        self.clock.advance(seconds=duration)

    @rule(
        app=st.none() | apps,
        principal=st.sampled_from([None, "alice"]),
        node=st.sampled_from([None, "n2"]),
        before=st.none() | seconds,
        limit=st.integers(0, 3),
        after=st.just("") | refs,
    )
    def find(self, *, before: float | None, limit: int, after: str, **fields: str | None) -> None:
        query = Query(**fields, accessed_before=None if before is None else self.clock() - before)
        self.both(lambda store: store.find(query, limit=limit, after=after))

    @invariant()
    def both_hold_the_same(self) -> None:
        self.both(everything)

    def used(self, record: Record) -> Record:
        now = self.clock()
        return msgspec.structs.replace(record, accessed_at=now, expires_at=min(now + 100, record.absolute_at))

    def teardown(self) -> None:
        told = sorted(map(announced, (self.told.get_nowait() for _ in range(self.told.qsize()))))
        self.runner.run(self.sqlite.close())
        self.runner.close()
        with closing(sqlite3.connect(self.path)) as connection:
            changes = connection.execute("select key, app, version, node, ended from change").fetchall()
        self.directory.cleanup()
        assert sorted((*row[:4], bool(row[4])) for row in changes) == told


async def outcome(ask: Callable[[AnyStore], Awaitable[Any]], store: AnyStore) -> tuple[str, Any]:
    try:
        return "answer", await ask(store)
    except Conflict as conflict:
        return "Conflict", conflict.stored
    except StoreError as error:
        return type(error).__name__, None


async def claimed_by_ref(store: AnyStore, lease: float) -> list[Record]:
    claimed = [ending.record for ending in await store.claim(limit=100, lease=lease)]
    return sorted(claimed, key=lambda record: (record.ref, record.app))


async def everything(store: AnyStore) -> list[Any]:
    places = [(key, app) for key in KEYS for app in APPS]
    loaded = [await store.load(*place) for place in places]
    moved = [await store.moved(*place) for place in places]
    return [loaded, moved, await store.find(Query())]


def announced(change: Change) -> tuple[str, str, int, str, bool]:
    return (change.key, change.app, change.version, change.node, change.ended)


TestTwoStores = TwoStores.TestCase
TestTwoStores.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
