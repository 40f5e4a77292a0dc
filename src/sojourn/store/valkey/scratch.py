"""Takes away a namespace that was made to try something in."""

from __future__ import annotations

import asyncio

from sojourn.store.valkey.client.address import Address, Place
from sojourn.store.valkey.client.clock import ServerClock
from sojourn.store.valkey.client.lane import Lane

__all__ = ["drop", "prefix_of"]

PAGE = 1000  # names that the server looks at in one go: a millisecond


def prefix_of(url: str) -> str:
    """What all names of the store at `url` begin with."""
    return Address.parse(url).prefix


async def drop(url: str) -> None:
    """Remove all that is under the prefix of `url`. Goes through all names of the database. Raises `StoreUnavailable`.

    `url`: as for `open_store`.
    """
    address = Address.parse(url)
    lane = Lane(address, ServerClock(None), set())
    try:
        for place in {place for _, _, place in await lane.servers()}:
            await _clear(lane, place, address.prefix.replace("\\", "\\\\"))
    finally:
        await lane.close()


async def _clear(lane: Lane, place: Place, prefix: str) -> None:
    cursor = b"0"
    while True:
        cursor, names = await lane.ask(place, ("SCAN", cursor, "MATCH", f"{prefix}:*", "COUNT", PAGE))
        await asyncio.gather(*(lane.ask(place, ("UNLINK", name)) for name in names))
        if cursor == b"0":
            return
