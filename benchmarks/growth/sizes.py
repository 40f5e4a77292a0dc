"""What stores take: of this process's memory, of a disk, or of a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import asyncpg
import valkey.asyncio

from sojourn.store.url import parts_of_postgres, path_of_sqlite

__all__ = ["resident", "size"]

_RELATIONS = """
select coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8
from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'r'
"""


async def size(store: str, address: str) -> float:
    """Bytes that the store takes now."""
    if store == "memory":
        return resident()
    if store == "sqlite":
        return float(Path(path_of_sqlite(address)).stat().st_size)  # noqa: ASYNC240 - nobody waits
    return await (_relations(address) if store == "postgres" else _used(address))


def resident() -> float:
    """Bytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


async def _relations(address: str) -> float:
    url, settings = parts_of_postgres(address)
    connection: Any = await asyncpg.connect(url)
    try:
        return float(await connection.fetchval(_RELATIONS, settings["schema"]))
    finally:
        await connection.close()


async def _used(address: str) -> float:
    client: Any = valkey.asyncio.Valkey.from_url(address)
    async with client:
        return float((await client.info("memory"))["used_memory"])
