"""Behind the back of an application: what its sessions are in our store, and their end from outside."""

from __future__ import annotations

import asyncio

from sojourn import Sessions
from sojourn.core.record import Record

__all__ = ["count", "end_all"]


def count(store: str) -> tuple[int, int]:
    """How many sessions are in a store, and of how many principals."""

    async def look() -> tuple[int, int]:
        found = await _found(store)
        return len(found), len({record.principal for record in found if record.principal is not None})

    return asyncio.run(look())


def end_all(store: str) -> int:
    """End every session in a store, as `sojourn sessions end` does. Returns how many there were."""

    async def end() -> int:
        sessions = Sessions(store)
        try:
            return await sessions.end_everything()
        finally:
            await sessions.close()

    return asyncio.run(end())


async def _found(store: str) -> list[Record]:
    sessions = Sessions(store)
    try:
        return [*await sessions.find(limit=1000)]
    finally:
        await sessions.close()
