"""The schema of a SQLite store: an older one is brought up to date, once, and nothing is dropped."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sojourn import errors
from sojourn.core.record import Record
from sojourn.store.base import Beat, Query
from sojourn.store.sqlite import SqliteStore, schema
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

Make = Callable[..., SqliteStore]

VERSION_1 = Path(__file__).with_name("version_1.sql")  # what the first release left, when it was closed
LEFT_AT = 1_800_000_120.0
CLAIMED_UNTIL = LEFT_AT + 30


@pytest.fixture
def old(path: Path, clock: FakeClock) -> Path:
    clock.now = LEFT_AT
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.executescript(VERSION_1.read_text())
        connection.execute(f"pragma application_id = {schema.APPLICATION}")
        connection.execute("pragma user_version = 1")
        connection.commit()
    return path


def key(start: str) -> str:
    return start + "k" * (45 - len(start))


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [str(connection.execute("pragma user_version").fetchone()), *connection.iterdump()]


def shape(path: Path) -> set[tuple[str, ...]]:
    """Tables, columns and indexes, however they came about."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("select type, name from sqlite_master where name not like 'sqlite_%'").fetchall()
        columns = [
            (table, *map(str, column))
            for kind, table in names
            if kind == "table"
            for column in connection.execute(f"pragma table_info({table})")
        ]
    return {*names, *columns}


async def test_what_a_store_of_the_first_version_held_is_there(make: Make, old: Path, clock: FakeClock) -> None:
    store = make()
    alice = await store.load(key("AA3"), "shop")
    assert isinstance(alice, Record)
    assert (alice.principal, alice.ref, alice.data) == ("alice", "ref3", b"\x81\xa4cart\x93\x01\x02\x03")
    renewed = await store.load(key("AA4"), "shop")
    assert renewed == await store.load(key("AA5"), "shop") is not None
    assert [record.ref for record in await store.find(Query())] == ["ref3", "ref4"]
    assert isinstance(first := await anext(store.watch()), Beat)
    assert first.number == 6
    newer = records.newer(alice)
    await store.save(newer, over=alice)
    assert await store.load(newer.key, "shop") == newer


async def test_what_was_claimed_before_is_claimed_again_for_its_reason(make: Make, old: Path, clock: FakeClock) -> None:
    store = make()
    assert await store.claim(limit=10, lease=30) == []
    clock.now = CLAIMED_UNTIL
    claimed = await store.claim(limit=10, lease=30)
    assert {ending.record.ref: ending.reason for ending in claimed} == {"ref1": "idle", "ref2": "absolute"}


async def test_an_old_store_becomes_what_a_new_one_is(make: Make, old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    for store in (make(), make(at=new)):
        await store.open()
        await store.close()
    assert shape(old) == shape(new)


async def test_many_that_open_an_old_store_at_once_bring_it_up_to_date_once(make: Make, old: Path) -> None:
    stores = [make() for _ in range(8)]
    await asyncio.gather(*(store.open() for store in stores))
    assert [len(await store.find(Query())) for store in stores] == [2] * 8


async def test_a_store_that_reads_first_is_brought_up_to_date_as_well(make: Make, old: Path) -> None:
    assert await make().moved(key("AA4"), "shop") is False
    assert content(old)[0] == str((schema.VERSION,))


async def test_a_step_that_fails_leaves_the_old_store_as_it_was(
    make: Make, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(old)
    first, second = schema._STEPS
    with monkeypatch.context() as patched:
        patched.setattr(schema, "_STEPS", (first, second + "create table session (key text)"))
        with pytest.raises(errors.StoreUnavailable):
            await make().open()
    assert content(old) == before
    await make().open()
    assert content(old) != before
