"""The writer of a SQLite store: one commit for all that arrived together, and an answer for each."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sojourn import errors
from sojourn.core.record import Record
from sojourn.store.base import Query
from sojourn.store.sqlite import SqliteStore, changes, statements
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

Make = Callable[..., SqliteStore]


class Counted(SqliteStore):
    """A store that tells how often it committed, and takes no long values."""

    commits = 0

    def _open_writer(self) -> sqlite3.Connection:
        connection = super()._open_writer()
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)
        connection.set_trace_callback(self._count)
        return connection

    def _count(self, statement: str) -> None:
        self.commits += statement == "commit"


@contextmanager
def held_up(other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is committed meanwhile. The event: the writer has met the lock."""
    waits, nap = threading.Event(), time.sleep

    def sleep(duration: float) -> None:
        waits.set()
        nap(duration)

    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", sleep)
        other.execute("begin immediate")
        try:
            yield waits
        finally:
            if other.in_transaction:
                other.execute("rollback")


async def together(store: SqliteStore, tried: list[Record]) -> list[Any]:
    """The answers to creates that arrive in one turn."""
    return await asyncio.gather(*(store.save(record, over=None) for record in tried), return_exceptions=True)


async def commits_of(
    store: SqliteStore, saves: int, other: sqlite3.Connection, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> int:
    """How many commits it takes to save what arrived while nothing could be committed."""
    assert isinstance(store, Counted)
    await store.open()
    before = store.commits
    with held_up(other, monkeypatch) as waits:
        saving = asyncio.gather(*(store.save(records.new(clock), over=None) for _ in range(saves)))
        assert await asyncio.to_thread(waits.wait, 10)
        assert not saving.done()
    await saving
    return store.commits - before


async def test_writes_that_arrive_together_are_committed_together(
    make: Make, other: sqlite3.Connection, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(Counted, busy=60)
    assert await commits_of(store, 150, other, clock, monkeypatch) <= 2
    assert len(await store.find(Query(), limit=1000)) == 150


async def test_no_transaction_holds_more_than_its_share(
    make: Make, other: sqlite3.Connection, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 5 <= await commits_of(make(Counted, busy=60), 1000, other, clock, monkeypatch) <= 7


async def test_one_that_cannot_be_written_does_not_take_the_others_with_it(make: Make, clock: FakeClock) -> None:
    store = make(Counted)
    tried = [records.new(clock, data=b"x" * (200_000 if number == 7 else 100)) for number in range(20)]
    answers = await together(store, tried)
    assert [number for number, answer in enumerate(answers) if answer is not None] == [7]
    assert type(answers[7]) is errors.StoreUnavailable
    assert "too big" in str(answers[7])
    for record, answer in zip(tried, answers, strict=True):
        assert await store.load(record.key, record.app) == (record if answer is None else None)


@pytest.mark.parametrize(
    ("fields", "kind"), [({"version": 1 << 70}, OverflowError), ({"principal": "\ud800"}, UnicodeEncodeError)]
)
async def test_a_value_that_no_column_takes_is_the_error_of_whoever_gave_it(
    store: SqliteStore, clock: FakeClock, fields: dict[str, Any], kind: type[Exception]
) -> None:
    tried = [records.new(clock, **(fields if number == 7 else {})) for number in range(20)]
    async with asyncio.timeout(10):
        answers = await together(store, tried)
    assert [number for number, answer in enumerate(answers) if answer is not None] == [7]
    assert isinstance(answers[7], kind)
    await store.save(records.new(clock), over=None)


@pytest.mark.parametrize("error", [RuntimeError("a fault"), errors.Gone(), sqlite3.OperationalError("a fault")])
async def test_what_a_refused_write_had_begun_is_undone_and_the_others_are_kept(
    store: SqliteStore, clock: FakeClock, error: Exception
) -> None:
    begun = records.new(clock)

    def fail_halfway(connection: sqlite3.Connection) -> None:
        statements.save(connection, begun, None, clock())
        raise error

    tried = [records.new(clock) for _ in range(10)]
    before, failed, after = await asyncio.gather(
        together(store, tried[:5]), store._do(fail_halfway), together(store, tried[5:]), return_exceptions=True
    )
    assert isinstance(failed, errors.StoreUnavailable if isinstance(error, sqlite3.Error) else type(error))
    assert before == after == [None] * 5
    assert await store.load(begun.key, begun.app) is None
    assert [await store.load(record.key, record.app) for record in tried] == tried


async def test_a_refusal_that_wrote_nothing_costs_the_others_no_second_try(
    make: Make, other: sqlite3.Connection, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(Counted, busy=60)
    assert isinstance(store, Counted)
    taken = records.new(clock)
    await store.save(taken, over=None)
    before = store.commits
    with held_up(other, monkeypatch) as waits:
        saving = asyncio.ensure_future(together(store, [records.new(clock), taken, records.new(clock)]))
        assert await asyncio.to_thread(waits.wait, 10)
    answers = await saving
    assert [type(answer) for answer in answers] == [type(None), errors.Conflict, type(None)]
    assert store.commits - before <= 2


async def test_a_save_that_is_cancelled_before_it_began_does_not_happen(
    make: Make, other: sqlite3.Connection, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(busy=60)
    await store.open()
    first, cancelled, last = (records.new(clock) for _ in range(3))
    with held_up(other, monkeypatch) as waits:
        begun = asyncio.create_task(store.save(first, over=None))
        assert await asyncio.to_thread(waits.wait, 10)
        task = asyncio.create_task(store.save(cancelled, over=None))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    await begun
    await store.save(last, over=None)
    assert await store.load(cancelled.key, cancelled.app) is None
    assert await store.load(first.key, first.app) == first


async def test_a_save_that_is_cancelled_after_it_began_happens_wholly(
    make: Make, other: sqlite3.Connection, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(busy=60)
    await store.open()
    old = records.new(clock)
    await store.save(old, over=None)
    new = records.signed_in(old, clock)
    with held_up(other, monkeypatch) as waits:
        begun = asyncio.create_task(store.save(new, over=old))
        assert await asyncio.to_thread(waits.wait, 10)
        begun.cancel()
        await asyncio.wait([begun])
    await store.open()  # after what was begun
    assert await store.load(new.key, new.app) == new
    assert await store.load(old.key, old.app) is None


def test_an_event_loop_that_ended_while_it_waited_disturbs_nobody(
    make: Make, path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, other: sqlite3.Connection
) -> None:
    store = make(busy=60)
    asyncio.run(store.open())
    left, record = records.new(clock), records.new(clock)

    async def leave(waits: threading.Event) -> None:
        task = asyncio.create_task(store.save(left, over=None))
        assert await asyncio.to_thread(waits.wait, 10)
        task.cancel()

    with held_up(other, monkeypatch) as waits:
        asyncio.run(leave(waits))
    asyncio.run(store.save(record, over=None))
    assert asyncio.run(store.load(left.key, left.app)) == left


async def test_those_who_wait_hear_of_an_error_that_nobody_foresaw(
    make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make()

    def fail() -> sqlite3.Connection:
        raise MemoryError

    monkeypatch.setattr(store._writer, "_connect", fail)
    async with asyncio.timeout(10):
        answers = await together(store, [records.new(clock) for _ in range(3)])
    assert [type(answer) for answer in answers] == [MemoryError] * 3
    monkeypatch.undo()
    await store.close()
    await store.save(records.new(clock), over=None)


async def test_old_changes_are_forgotten(
    store: SqliteStore, other: sqlite3.Connection, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT_CHANGES", 100)
    for _ in range(5):
        await together(store, [records.new(clock) for _ in range(420)])
    oldest, newest, number = other.execute("select min(number), max(number), count(*) from change").fetchone()
    assert newest == 2100
    assert number == newest - oldest + 1
    assert 100 <= number <= 1100


async def test_a_watch_that_fell_behind_sees_a_gap(
    store: SqliteStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT_CHANGES", 100)
    watch = store.watch()
    last = (await anext(watch)).number
    for _ in range(5):
        await together(store, [records.new(clock) for _ in range(420)])
    gaps = 0
    async with asyncio.timeout(10):
        while last < 2000:
            news = await anext(watch)
            gaps += news.number > last + 1
            last = news.number
    assert gaps


async def test_durability_is_what_was_asked_for(make: Make) -> None:
    for durability, level in (("normal", 1), ("full", 2)):
        store = make(durability=durability)
        assert await store._do(lambda connection: connection.execute("pragma synchronous").fetchone()) == (level,)
        assert await store._do(lambda connection: connection.execute("pragma journal_mode").fetchone()) == ("wal",)


def test_a_durability_that_there_is_not_is_refused(path: Path) -> None:
    with pytest.raises(errors.SettingError, match="normal or full"):
        SqliteStore(path, durability="paranoid")  # type: ignore[arg-type]


async def test_the_log_is_carried_over_into_the_file_when_nobody_writes(
    make: Make, path: Path, clock: FakeClock
) -> None:
    await make().save(records.new(clock, data=b"x" * 50_000), over=None)
    deadline = time.monotonic() + 20
    while b"x" * 1000 not in path.read_bytes():  # noqa: ASYNC240 - nobody else runs in this loop
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
