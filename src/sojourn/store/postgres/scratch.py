"""Takes away a schema that was made to try something in."""

from __future__ import annotations

import asyncpg

from sojourn.errors import StoreUnavailable
from sojourn.store.postgres.explain import shown, unconnected

__all__ = ["drop"]

PATIENCE = 60.0  # seconds for a server that is busy


async def drop(address: str, schemas: list[str]) -> None:
    """Drop schemas, those that are there, with all that is in them. `address`: as asyncpg takes it.

    Raises `StoreUnavailable`.
    """
    try:
        connection = await asyncpg.connect(address, timeout=PATIENCE, command_timeout=PATIENCE)
        try:
            for schema in schemas:  # one by one: a transaction holds a lock for each table
                await connection.execute(f'drop schema if exists "{schema}" cascade')
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        problem: StoreUnavailable = unconnected(error, shown(address))
    else:
        return
    raise problem
