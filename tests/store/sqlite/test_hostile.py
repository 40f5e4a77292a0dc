"""A SQLite file that is locked, read-only, damaged, another's, or not there: a clear error, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sojourn import errors
from sojourn.core.record import Record
from sojourn.store.base import Query
from sojourn.store.sqlite import SqliteStore, changes, endings, leases, schema, statements
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

Make = Callable[..., SqliteStore]


def every_call(record: Record) -> dict[str, Callable[[SqliteStore], Awaitable[Any]]]:
    """Everything that a store can be asked."""
    newer, moved = records.newer(record), records.newer(record, key=record.key[:2] + "m" * 43)
    return {
        "open": lambda store: store.open(),
        "load": lambda store: store.load(record.key, record.app),
        "create": lambda store: store.save(record, over=None),
        "update": lambda store: store.save(newer, over=record),
        "move": lambda store: store.save(moved, over=record),
        "touch": lambda store: store.touch(record),
        "delete": lambda store: store.delete(record.key, record.app),
        "moved": lambda store: store.moved(record.key, record.app),
        "end": lambda store: store.end(record.key, record.app, reason="signed-out", lease=10),
        "admit": lambda store: store.admit(record, over=None, limit=1, when_full="end-oldest", lease=10),
        "claim": lambda store: store.claim(limit=10, lease=10),
        "forget": lambda store: store.forget([record]),
        "hold": lambda store: store.hold(record, "me", seconds=10),
        "release": lambda store: store.release(record, "me"),
        "find": lambda store: store.find(Query(ref=record.ref)),
        "watch": lambda store: anext(store.watch()),
    }


CALLS = tuple(every_call(records.new(FakeClock())))


async def refusal(store: SqliteStore, call: str, record: Record) -> errors.StoreError:
    """The error that `call` meets: of ours, on one line, and without a word of the record."""
    with pytest.raises(errors.StoreError) as caught:
        async with asyncio.timeout(10):
            await every_call(record)[call](store)
    message = str(caught.value)
    assert "\n" not in message
    assert not [secret for secret in (record.key, record.ref, record.app) if secret in message]
    return caught.value


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes | bytearray) -> None:
    path.write_bytes(content)


def filled(path: Path, number: int, clock: FakeClock) -> list[Record]:
    """A closed store with records in it."""
    kept = [records.new(clock, data=random.Random(each).randbytes(300)) for each in range(number)]

    async def fill() -> None:
        store = SqliteStore(path, clock=clock)
        await asyncio.gather(*(store.save(record, over=None) for record in kept))
        await store.close()

    asyncio.run(fill())
    return kept


def test_a_closed_store_is_one_file(path: Path, clock: FakeClock) -> None:
    filled(path, 5, clock)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


# Locked


@contextmanager
def held_by_another_process(path: Path) -> Iterator[None]:
    hold = "import sqlite3, sys; sqlite3.connect(sys.argv[1], isolation_level=None).execute('begin immediate'); "
    command = [sys.executable, "-c", hold + "print('held', flush=True); sys.stdin.read()", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        yield
        holder.communicate()


async def test_a_write_to_a_locked_file_is_busy_when_its_time_is_over(make: Make, clock: FakeClock) -> None:
    store, record = make(busy=0.05), records.new(clock)
    await store.save(record, over=None)
    with held_by_another_process(store._path):
        for call in (
            "create",
            "update",
            "move",
            "touch",
            "delete",
            "end",
            "admit",
            "claim",
            "forget",
            "hold",
            "release",
        ):
            assert type(await refusal(store, call, record)) is errors.StoreBusy
        assert await store.load(record.key, record.app) == record
        assert await store.find(Query()) == [record]
        assert not await store.moved(record.key, record.app)
    assert await store.touch(record)


async def test_a_short_lock_is_waited_out(
    store: SqliteStore, other: sqlite3.Connection, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.open()
    napping = threading.Event()
    nap = time.sleep

    def sleep(duration: float) -> None:
        napping.set()
        nap(duration)

    monkeypatch.setattr(time, "sleep", sleep)
    other.execute("begin exclusive")
    record = records.new(clock)
    saving = asyncio.create_task(store.save(record, over=None))
    assert await asyncio.to_thread(napping.wait, 10)
    other.execute("rollback")
    await saving
    assert await store.load(record.key, record.app) == record


async def test_a_store_that_another_writes_to_can_be_opened_and_read(
    make: Make, other: sqlite3.Connection, clock: FakeClock
) -> None:
    record = records.new(clock)
    await make().save(record, over=None)
    other.execute("begin immediate")
    late = make(busy=0)
    assert await late.load(record.key, record.app) == record
    assert await late.find(Query()) == [record]


async def test_a_search_that_meets_a_passing_lock_waits_for_it(
    store: SqliteStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = records.new(clock)
    await store.save(record, over=None)
    assert await store.load(record.key, record.app) == record  # what it opens from now on is for the search

    def locked(**options: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(store, "_connect", locked)
    assert await store.find(Query()) == [record]


@pytest.mark.parametrize("call", CALLS)
async def test_a_file_that_another_has_for_itself_is_busy_for_every_call(
    make: Make, other: sqlite3.Connection, clock: FakeClock, call: str
) -> None:
    first = make()
    await first.open()
    await first.close()
    other.execute("pragma locking_mode = exclusive")
    other.execute("pragma user_version = 2")
    store = make(busy=0)
    assert type(await refusal(store, call, records.new(clock))) is errors.StoreBusy
    other.close()
    assert await store.load("absent", "shop") is None


async def test_a_lock_while_the_file_is_made_is_busy_and_passes(
    make: Make, other: sqlite3.Connection, clock: FakeClock
) -> None:
    other.execute("begin exclusive")
    store, record = make(busy=0.01), records.new(clock)
    assert type(await refusal(store, "load", record)) is errors.StoreBusy
    assert type(await refusal(store, "create", record)) is errors.StoreBusy
    other.execute("rollback")
    await store.save(record, over=None)


# Damaged


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    match how:
        case "garbage":
            content[:] = b"this is no database. " * 500
        case "header":
            content[:100] = bytes(100)
        case "short":
            content[:] = b"SQLite"
        case "truncated":
            del content[len(content) // 2 :]
        case "first page":
            content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["garbage", "header", "short", "truncated", "first page"])
@pytest.mark.parametrize("call", CALLS)
def test_a_damaged_file_is_told_from_every_call_and_left_as_it_is(
    make: Make, path: Path, clock: FakeClock, how: str, call: str
) -> None:
    [*_, record] = filled(path, 50, clock)
    damage(path, how)
    before = path.read_bytes()
    store = make()
    assert type(asyncio.run(refusal(store, call, record))) is errors.StoreDamaged
    asyncio.run(store.close())
    assert path.read_bytes() == before


def test_a_damaged_file_works_again_when_it_was_restored(make: Make, path: Path, clock: FakeClock) -> None:
    [record, *_] = filled(path, 50, clock)
    copy = path.read_bytes()
    store = make()
    damage(path, "garbage")
    asyncio.run(refusal(store, "load", record))
    path.write_bytes(copy)
    assert asyncio.run(store.load(record.key, record.app)) == record


def test_a_damaged_page_is_no_wrong_answer_and_no_error_of_another_kind(tmp_path: Path, clock: FakeClock) -> None:
    whole = tmp_path / "whole.db"
    kept = filled(whole, 40, clock)
    whole_content = whole.read_bytes()
    pages = len(whole_content) // 4096

    async def ask(store: SqliteStore, record: Record) -> int:
        damaged = 0
        for call in ("load", "find", "touch", "update", "moved", "delete"):
            try:
                await every_call(record)[call](store)
            except errors.StoreDamaged:
                damaged += 1
            except (errors.Conflict, errors.Gone):
                pass
        return damaged

    async def use(page: int) -> int:
        chance = random.Random(page)
        path = tmp_path / f"{page}.db"
        content = bytearray(whole_content)
        start, size = page * 4096 + chance.choice([0, 0, 500, 3000]), chance.choice([8, 64, 1000])
        content[start : start + size] = chance.randbytes(size)
        write(path, content)
        store = SqliteStore(path, clock=clock)
        found = sum([await ask(store, record) for record in kept])
        await store.close()
        return found

    assert sum([asyncio.run(use(page)) for page in range(1, pages)]) > 0


async def test_text_that_is_no_text_is_damage_and_not_shown(
    store: SqliteStore, other: sqlite3.Connection, clock: FakeClock
) -> None:
    record = records.new(clock, principal="hunter2")
    await store.save(record, over=None)
    other.execute("update session set principal = cast(x'68756e74657232ff' as text)")
    for call in ("load", "find", "delete"):
        error = await refusal(store, call, record)
        assert type(error) is errors.StoreDamaged
        assert "hunter2" not in str(error)


async def test_a_column_of_another_type_is_damage(
    store: SqliteStore, other: sqlite3.Connection, clock: FakeClock
) -> None:
    record = records.new(clock)
    await store.save(record, over=None)
    other.execute("update session set expires_at = 'soon'")
    assert type(await refusal(store, "load", record)) is errors.StoreDamaged


# Another's


@pytest.mark.parametrize("call", CALLS)
async def test_a_database_of_another_application_is_refused_and_left_as_it_is(
    make: Make, path: Path, clock: FakeClock, call: str
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table customer (name text)")
        connection.commit()
    before = read(path)
    store = make()
    error = await refusal(store, call, records.new(clock))
    assert type(error) is errors.StoreDamaged
    assert "another application" in str(error)
    await store.close()
    assert read(path) == before


@pytest.mark.parametrize("mark", ["application_id = 17", "user_version = 1"])
async def test_an_empty_database_that_bears_another_mark_is_refused(make: Make, path: Path, mark: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma {mark}")
        connection.commit()
    with pytest.raises(errors.StoreDamaged, match="another application"):
        await make().open()


@pytest.mark.parametrize("call", CALLS)
async def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(
    make: Make, path: Path, clock: FakeClock, call: str
) -> None:
    first = make()
    await first.open()
    await first.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma user_version = 99")
        connection.commit()
    before = read(path)
    store = make()
    error = await refusal(store, call, records.new(clock))
    assert type(error) is errors.StoreTooNew
    assert "upgrade" in str(error)
    await store.close()
    assert read(path) == before


# Not there


@pytest.mark.parametrize("call", CALLS)
async def test_a_missing_directory_is_told_from_every_call(make: Make, tmp_path: Path, call: str) -> None:
    store = make(at=tmp_path / "missing" / "sessions.db")
    error = await refusal(store, call, records.new(FakeClock()))
    assert type(error) is errors.StoreUnavailable
    assert "directory must exist" in str(error)
    (tmp_path / "missing").mkdir()
    await store.open()


async def test_a_directory_is_no_store(make: Make, tmp_path: Path) -> None:
    error = await refusal(make(at=tmp_path), "load", records.new(FakeClock()))
    assert type(error) is errors.StoreUnavailable
    assert "is a directory" in str(error)


async def test_a_name_with_odd_characters_is_one_file(make: Make, tmp_path: Path, clock: FakeClock) -> None:
    for name in ("a b?c#d%20e.db", "Ærøskøbing 🦉.db", "'quoted'.db", ":memory:"):
        store, record = make(at=tmp_path / name), records.new(clock)
        await store.save(record, over=None)
        assert await store.load(record.key, record.app) == record
        assert (tmp_path / name).is_file()


def take_away(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


async def test_what_is_saved_after_the_file_was_deleted_is_in_the_file_that_is_there(
    make: Make, path: Path, clock: FakeClock
) -> None:
    store = make()
    first, second = records.new(clock), records.new(clock)
    await store.save(first, over=None)
    assert await store.load(first.key, first.app) == first
    take_away(path)
    await store.save(second, over=None)
    assert await make().load(second.key, second.app) == second
    assert await store.load(second.key, second.app) == second
    assert await store.load(first.key, first.app) is None


async def test_a_file_that_was_put_in_the_place_of_ours_is_used_from_the_next_write_on(
    make: Make, path: Path, tmp_path: Path, clock: FakeClock
) -> None:
    store, backup = make(), make(at=tmp_path / "backup.db")
    ours, theirs = records.new(clock), records.new(clock)
    await store.save(ours, over=None)
    await backup.save(theirs, over=None)
    await backup.close()
    assert await store.load(ours.key, ours.app) == ours
    take_away(path)
    (tmp_path / "backup.db").rename(path)
    with pytest.raises(errors.Gone):
        await store.save(records.newer(ours), over=ours)
    assert await store.load(theirs.key, theirs.app) == theirs


async def see_all(watch: AsyncIterator[Any]) -> None:
    async for _ in watch:
        pass


async def test_a_watch_ends_when_the_file_is_taken_away(make: Make, path: Path) -> None:
    store = make()
    watch = store.watch()
    await anext(watch)
    take_away(path)
    with pytest.raises(errors.StoreUnavailable, match="watch again"):
        await asyncio.wait_for(see_all(watch), 10)


# Whatever SQLite says


CODES = {name: value for name, value in vars(sqlite3).items() if name.startswith("SQLITE_") and isinstance(value, int)}
CODES = {name: CODES[name] for name in CODES if name not in {"SQLITE_OK", "SQLITE_ROW", "SQLITE_DONE"}}


def test_every_code_of_sqlite_has_a_meaning_in_one_line(tmp_path: Path) -> None:
    for code in {*CODES.values(), 0, 255, 1 << 20}:
        error = sqlite3.OperationalError("what SQLite says")
        error.sqlite_errorcode = code
        ours = schema.explain(error, tmp_path)
        assert isinstance(ours, errors.StoreUnavailable)
        assert "\n" not in str(ours)
        assert str(tmp_path) in str(ours)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("SQLITE_BUSY_RECOVERY", errors.StoreBusy),
        ("SQLITE_BUSY_SNAPSHOT", errors.StoreBusy),
        ("SQLITE_PROTOCOL", errors.StoreBusy),
        ("SQLITE_FULL", errors.StoreFull),
        ("SQLITE_READONLY_DBMOVED", errors.StoreReadOnly),
        ("SQLITE_PERM", errors.StoreReadOnly),
        ("SQLITE_CORRUPT_INDEX", errors.StoreDamaged),
        ("SQLITE_NOTADB", errors.StoreDamaged),
        ("SQLITE_CANTOPEN_ISDIR", errors.StoreUnavailable),
        ("SQLITE_IOERR_READ", errors.StoreUnavailable),
    ],
)
def test_an_extended_code_means_what_its_primary_one_means(tmp_path: Path, code: str, meaning: type) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = CODES[code]
    assert type(schema.explain(error, tmp_path)) is meaning


@pytest.mark.parametrize(
    "kind",
    [
        sqlite3.Error,
        sqlite3.DatabaseError,
        sqlite3.OperationalError,
        sqlite3.ProgrammingError,
        sqlite3.InterfaceError,
        sqlite3.DataError,
        sqlite3.InternalError,
        sqlite3.IntegrityError,
    ],
)
async def test_no_error_of_sqlite_comes_through(
    store: SqliteStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, kind: type[sqlite3.Error]
) -> None:
    record = records.new(clock)
    await store.save(record, over=None)
    assert await store.load(record.key, record.app) == record

    def fail(*arguments: object, **options: object) -> None:
        raise kind("what SQLite says")

    with monkeypatch.context() as patched:
        for module in (changes, endings, leases, statements):
            for name in module.__all__:
                patched.setattr(module, name, fail)
        for call in every_call(record).keys() - {"open"}:
            assert isinstance(await refusal(store, call, record), errors.StoreUnavailable)
    assert await store.load(record.key, record.app) == record
    await store.save(records.newer(record), over=record)
