"""Searching: pages of the index, each entry held against its record.

By ref it costs one look, by principal one look for each of their sessions, otherwise one for each session up to the end
of the page: filters by node, application and time are applied to what was loaded.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

from sojourn.core.record import Record
from sojourn.errors import StoreDamaged, StoreUnavailable
from sojourn.store.base import Query
from sojourn.store.valkey import layout
from sojourn.store.valkey.client.line import Command
from sojourn.store.valkey.registry import VOID
from sojourn.store.valkey.scope import Scope

__all__ = ["find"]

CHUNK = 64  # entries of each part of the index that are read together, at least


class _Entry(NamedTuple):
    ref: str
    app: str
    tag: str
    at: int
    member: bytes  # empty for a seat


async def find(scope: Scope, query: Query, limit: int, after: str) -> list[Record]:
    """The live records that fit, in the order of their refs; a page ends between two refs."""
    await scope.now()
    found: list[Record] = []
    if limit <= 0:
        return found
    async for entries in _entries(scope, query, limit, after):
        start = 0
        while start < len(entries) and len(found) < limit:
            stop = min(start + limit - len(found), len(entries))
            while stop < len(entries) and entries[stop].ref == entries[stop - 1].ref:
                stop += 1
            seen = await asyncio.gather(*(_look(scope, entry) for entry in entries[start:stop]))
            now = scope.clock()
            found += [each for each in seen if each is not None and each.expires_at > now and query.fits(each)]
            start = stop
        if len(found) >= limit:
            break
    page = found[:limit]
    return page + list(itertools.takewhile(lambda record: record.ref == page[-1].ref, found[limit:]))


async def _entries(scope: Scope, query: Query, limit: int, after: str) -> AsyncIterator[list[_Entry]]:
    """Entries in the order of refs and applications; those of one ref always together."""
    if query.ref is not None:
        found = _parsed(await _range(scope, scope.names.index(query.ref), f"[{query.ref}\0", f"({query.ref}\1"))
    elif query.principal is not None:
        found = await _seats(scope, query.principal, query.app)
    else:
        async for entries in _index(scope, limit, after):
            yield _in_order(entries, query, after)
        return
    yield _in_order(found, query, after)


def _in_order(entries: Iterable[_Entry], query: Query, after: str) -> list[_Entry]:
    wanted = {
        (entry.ref, entry.app, entry.tag): entry
        for entry in entries
        if entry.ref > after and (query.app is None or entry.app == query.app)
    }
    return [wanted[place] for place in sorted(wanted)]


async def _index(scope: Scope, limit: int, after: str) -> AsyncIterator[list[_Entry]]:
    chunk = max(CHUNK, limit // 4)
    while True:
        parts = await asyncio.gather(
            *(
                _range(scope, scope.names.shard(number), f"[{after}\1", "+", chunk + 1)
                for number in range(layout.SHARDS)
            )
        )
        shards = [_parsed(part) for part in parts]
        cut = [shard[-1].ref for shard in shards if len(shard) > chunk]  # there are more, perhaps of this very ref
        entries = [entry for shard in shards for entry in shard if not cut or entry.ref < min(cut)]
        if cut and not entries:
            chunk *= 2
            continue
        yield entries
        if not cut:
            return
        after = max(entry.ref for entry in entries)


async def _range(scope: Scope, key: str, low: str, high: str, limit: int = -1) -> list[bytes]:
    bounds = (low, high) if limit < 0 else (low, high, "LIMIT", 0, limit)
    tag = key.partition("{")[2].partition("}")[0]
    return await scope.lane.do(Command(tag, (b"ZRANGEBYLEX", key, *bounds)))  # type: ignore[no-any-return]


def _parsed(members: Sequence[bytes]) -> list[_Entry]:
    entries = []
    for member in members:
        rest, tag, at = member.decode().rsplit("\0", 2)
        ref, _, app = rest.partition("\0")
        entries.append(_Entry(ref, app, tag, int(at), member))
    return entries


async def _seats(scope: Scope, principal: str, app: str | None) -> list[_Entry]:
    root = scope.names.principal(principal)
    tag = root.partition("{")[2].partition("}")[0]
    apps = [app] if app is not None else [each.decode() for each in await _members(scope, tag, f"{root}apps")]
    found = []
    for each in apps:
        held = await scope.lane.do(Command(tag, (b"HGETALL", f"{root}seats:{each}")))
        for ref, seat in zip(held[::2], held[1::2], strict=True):
            found.append(_Entry(ref.decode(), each, seat.decode().split(" ")[0], 0, b""))
    return found


async def _members(scope: Scope, tag: str, key: str) -> list[bytes]:
    return await scope.lane.do(Command(tag, (b"SMEMBERS", key)))  # type: ignore[no-any-return]


async def _look(scope: Scope, entry: _Entry) -> Record | None:
    try:
        time, key, value = await scope.peek(entry.tag, entry.ref, entry.app, whole=True)
        if value[:1] == b"R":
            return layout.unpack(value, key, entry.app)
    except StoreDamaged:
        return None  # it must not hide the others
    if not value and entry.member and time - entry.at > VOID:
        index = scope.names.index(entry.ref)
        tag = index.partition("{")[2].partition("}")[0]
        with contextlib.suppress(StoreUnavailable):
            await scope.lane.do(Command(tag, (b"ZREM", index, entry.member), writes=True))
    return None
