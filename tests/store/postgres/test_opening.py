"""Opening: the schema is made once, whoever comes first, and what is wrong is told in one line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import asyncpg
import pytest
from tests.fixtures.postgres import PostgresServer, free_port

from sojourn.core.record import Record
from sojourn.errors import (
    SettingError,
    StoreDamaged,
    StoreError,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
)
from sojourn.store import Query, open_store
from sojourn.store.postgres import PostgresStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

PASSWORD = "swordfish"

START = """
import asyncio, sys
from sojourn.store import open_store
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

async def main() -> None:
    store = open_store(sys.argv[1])
    sys.stdin.read()  # all begin at once
    await store.save(records.new(FakeClock()), over=None)
    await store.close()

asyncio.run(main())
"""


async def refused(url: str) -> StoreError:
    """What `open` says to `url`: one line without the password, and nothing else behind it."""
    store = open_store(url)
    assert isinstance(store, PostgresStore)
    with pytest.raises(StoreError) as caught:
        await store.open()
    await store.close()
    error = caught.value
    assert PASSWORD not in str(error)
    assert "\n" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def test_ten_processes_that_open_a_fresh_schema_at_once_all_find_it(postgres_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", START, postgres_url], stdin=subprocess.PIPE) for _ in range(10)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0] * 10
    assert len(asyncio.run(found(postgres_url))) == 10


async def found(url: str) -> list[Record]:
    store = open_store(url, clock=FakeClock())
    assert isinstance(store, PostgresStore)
    records = await store.find(Query())
    await store.close()
    return records


async def test_thirty_stores_that_open_a_fresh_schema_at_once_all_find_it(postgres_url: str) -> None:
    stores = [PostgresStore(postgres_url.partition("?")[0], schema=postgres_url.partition("=")[2]) for _ in range(30)]
    await asyncio.gather(*(store.open() for store in stores))
    for store in stores:
        await store.close()


async def test_a_schema_of_a_newer_version_is_refused_and_left_as_it_is(
    node: Any, postgres_url: str, aside: Any
) -> None:
    async with node() as store:
        await store.open()
    async with aside() as other:
        await other.execute("update layout set version = 2")
    error = await refused(postgres_url)
    assert isinstance(error, StoreTooNew)
    assert "layout 2, this one knows 1" in str(error)


async def test_a_schema_of_another_application_is_refused_and_left_as_it_is(postgres_url: str, aside: Any) -> None:
    schema = postgres_url.partition("schema=")[2]
    async with aside() as other:
        await other.execute(f"create schema {schema}")
        await other.execute("create table session (theirs text)")
    assert isinstance(await refused(postgres_url), StoreDamaged)
    async with aside() as other:
        assert (
            await other.fetchval("select count(*) from information_schema.tables where table_schema = $1", schema) == 1
        )


async def test_a_schema_that_was_dropped_is_made_again(
    node: Any, postgres_url: str, clock: FakeClock, aside: Any
) -> None:
    record = records.new(clock)
    async with node() as store:
        await store.save(record, over=None)
        async with aside() as other:
            await other.execute(f"drop schema {postgres_url.partition('schema=')[2]} cascade")
        with pytest.raises(StoreDamaged):
            await store.save(records.new(clock), over=None)
        await store.save(record, over=None)
        assert await store.load(record.key, record.app) in (record, None)


async def test_a_wrong_password_is_told_without_it(own_server: PostgresServer) -> None:
    await execute(own_server.url, "drop role if exists guarded", f"create role guarded login password '{PASSWORD}x'")
    own_server.guard("guarded")
    error = await refused(own_server.url.replace("postgres@", f"guarded:{PASSWORD}@"))
    assert "refuses this user or password" in str(error)
    assert "guarded" not in str(error)


async def test_a_server_that_is_not_there_is_told_with_its_place() -> None:
    port = free_port()
    error = await refused(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/app?sslmode=disable")
    assert f"postgresql://127.0.0.1:{port}/app" in str(error)
    assert "cannot be reached" in str(error)


async def test_of_several_servers_the_one_that_may_be_written_is_taken(postgres_url: str, clock: FakeClock) -> None:
    several = postgres_url.replace("@", f"@127.0.0.1:{free_port()},") + "&target_session_attrs=read-write"
    store = open_store(several, clock=clock)
    assert isinstance(store, PostgresStore)
    await store.open()
    await store.close()


async def test_a_database_that_is_not_there_is_told(postgres_address: str) -> None:
    error = await refused(postgres_address.rpartition("/")[0] + "/absent")
    assert "no such database" in str(error)


async def test_a_database_in_another_encoding_is_refused(own_server: PostgresServer) -> None:
    await execute(own_server.url, "create database latin encoding latin1 template template0 locale 'C'")
    error = await refused(own_server.url.rpartition("/")[0] + "/latin")
    assert "LATIN1" in str(error)


async def test_a_server_that_may_only_be_read_still_answers(own_server: PostgresServer, clock: FakeClock) -> None:
    writer, reader = (
        open_store(f"{own_server.url}?{options}", clock=clock) for options in ("", "default_transaction_read_only=on")
    )
    assert isinstance(writer, PostgresStore)
    assert isinstance(reader, PostgresStore)
    record = records.new(clock)
    with pytest.raises(StoreReadOnly):
        await reader.open()  # there is nothing yet
    await writer.save(record, over=None)
    await reader.open()
    assert await reader.load(record.key, record.app) == record
    for write in (
        reader.save(records.newer(record), over=record),
        reader.touch(record),
        reader.delete(record.key, "shop"),
    ):
        with pytest.raises(StoreReadOnly) as caught:
            await write
        assert "may only be read" in str(caught.value)
    await writer.close()
    await reader.close()


async def test_a_user_who_may_not_make_a_schema_is_told(own_server: PostgresServer) -> None:
    await execute(own_server.url, "drop role if exists weak", "create role weak login")
    error = await refused(own_server.url.replace("postgres@", "weak@") + "?schema=unmade")
    assert isinstance(error, StoreReadOnly)
    assert "lacks a right" in str(error)


async def test_a_server_without_a_free_connection_is_busy(own_server: PostgresServer) -> None:
    await execute(own_server.url, "drop role if exists single", "create role single login connection limit 0")
    error = await refused(own_server.url.replace("postgres@", "single@"))
    assert "max_connections" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:app",
        "postgresql://host:port/app",
        "postgresql://host:5432,other:port/app",
        "postgresql://host/app?schema=",
        f"postgresql://me:{PASSWORD}@host/app?schema={'x' * 64}",
        f"postgresql://me:{PASSWORD}@host/app?timeout=0",
        f"postgresql://me:{PASSWORD}@host/app?timeout=inf",
        f"postgresql://host/app?password={PASSWORD}&timeout=soon",
    ],
)
def test_an_address_that_cannot_work_is_refused_when_it_is_given(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        open_store(url)
    assert PASSWORD not in str(caught.value)


async def test_an_option_that_nobody_knows_is_refused_when_it_is_opened(postgres_address: str) -> None:
    assert isinstance(await refused(f"{postgres_address}?colour=blue"), StoreUnavailable)


def test_nothing_of_the_address_is_in_a_representation() -> None:
    store = open_store(f"postgresql://me:{PASSWORD}@host/app")
    assert PASSWORD not in repr(store)


def test_the_driver_is_imported_only_when_its_store_is_asked_for() -> None:
    program = (
        "import sys, sojourn, sojourn.store; sojourn.store.open_store('memory:'); sys.exit('asyncpg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
