"""Searching: what a search finds when some of it is not stored yet."""

from __future__ import annotations

from typing import Protocol

from sojourn.core.record import Record
from sojourn.store.base import Query, page
from sojourn.store.behind.entry import same_hands
from sojourn.store.behind.queue import Queue

__all__ = ["overlaid"]


class Find(Protocol):
    """Searches the store, as `Lists.find`."""

    async def __call__(self, query: Query, *, limit: int, after: str) -> list[Record]: ...


async def overlaid(find: Find, queue: Queue, query: Query, *, limit: int, after: str, now: float) -> list[Record]:
    """As `Lists.find`, with the sessions in `queue` as they are there."""
    records: dict[tuple[str, str], Record] = {}
    while True:
        found = await find(query, limit=limit, after=after)
        last = found[-1].ref if found and len(found) >= limit else None  # None: there are no further pages
        records |= {(record.ref, record.app): record for record in found}
        for record in _queued(queue, query):
            place = (record.ref, record.app)
            stored = records.get(place, record)
            if record.ref > after and (last is None or record.ref <= last) and same_hands(record, stored):
                records.pop(place, None)
                if record.expires_at > now and query.fits(record):
                    records[place] = record
        if last is None or len(records) >= limit:
            return page(records.values(), limit)
        after = last


def _queued(queue: Queue, query: Query) -> list[Record]:
    if query.ref is not None and query.app is not None:
        entry = queue.by((query.ref, query.app))
        return [] if entry is None or entry.moving else [entry.newest]
    return [entry.newest for entry in queue if not entry.moving]
