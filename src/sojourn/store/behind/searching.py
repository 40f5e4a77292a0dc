"""Searching: what a search finds when some of it is not stored yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sojourn.core.record import Record
from sojourn.store.base import Query
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
        last = found[-1].ref if len(found) >= limit else None  # None: there are no further pages
        records |= {(record.ref, record.app): record for record in found}
        for record in _queued(queue, query):
            place = (record.ref, record.app)
            stored = records.get(place, record)
            if record.ref > after and (last is None or record.ref <= last) and same_hands(record, stored):
                records.pop(place, None)
                if record.expires_at > now and _fits(record, query):
                    records[place] = record
        if last is None or len(records) >= limit:
            return _page(records.values(), limit)
        after = last


def _queued(queue: Queue, query: Query) -> list[Record]:
    if query.ref is not None and query.app is not None:
        entry = queue.by((query.ref, query.app))
        return [] if entry is None or entry.moving else [entry.newest]
    return [entry.newest for entry in queue if not entry.moving]


def _page(records: Iterable[Record], limit: int) -> list[Record]:
    ordered = sorted(records, key=lambda record: (record.ref, record.app))
    page = ordered[:limit]
    return page + [record for record in ordered[limit:] if record.ref == page[-1].ref]


def _fits(record: Record, query: Query) -> bool:
    wanted = ((getattr(query, name), getattr(record, name)) for name in ("app", "ref", "principal", "node"))
    if any(value is not None and value != actual for value, actual in wanted):
        return False
    return query.accessed_before is None or record.accessed_at < query.accessed_before
