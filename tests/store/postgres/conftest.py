"""PostgreSQL stores in a fresh schema, and a server that may be stopped."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest
from tests.fixtures.postgres import PostgresServer, postgres_address, postgres_url, postgres_urls, running

from sojourn.store import open_store
from sojourn.store.postgres import PostgresStore
from sojourn.testing import FakeClock

__all__ = ["postgres_address", "postgres_url", "postgres_urls"]

Nodes = Callable[..., contextlib.AbstractAsyncContextManager[PostgresStore]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def node(postgres_url: str, clock: FakeClock) -> Nodes:
    """Makes stores on one schema, each as if on a node of its own; closed at the end of the `async with`."""

    @contextlib.asynccontextmanager
    async def make(**options: object) -> AsyncIterator[PostgresStore]:
        store = open_store(
            "&".join([postgres_url, *(f"{name}={value}" for name, value in options.items())]), clock=clock
        )
        assert isinstance(store, PostgresStore)
        try:
            yield store
        finally:
            await store.close()

    return make


@pytest.fixture
def aside(
    postgres_url: str,
) -> Callable[[], contextlib.AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]]:
    """Another client of the database, with the schema of the store before its eyes."""
    address, _, schema = postgres_url.partition("schema=")

    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        connection = await asyncpg.connect(address.rstrip("?&"), server_settings={"search_path": schema})
        try:
            yield connection
        finally:
            await connection.close()

    return connect


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server of this module: it may be stopped, if it is started again."""
    with running("fsync=off") as server:
        yield server
