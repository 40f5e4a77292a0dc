"""Registry: who is there by ref, and who by principal. It is written before a record, and cleaned after it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sojourn.core.record import Record
from sojourn.errors import Conflict, StoreUnavailable
from sojourn.store.valkey import layout, registers, scripts
from sojourn.store.valkey.client.line import Command, run
from sojourn.store.valkey.scope import Scope, life

__all__ = ["ENTERING", "VOID", "Entry", "Seat", "leave", "register", "remain", "take_seat", "withdraw"]

ENTERING = 10_000  # milliseconds in which a record has to follow its entry
VOID = 30_000  # milliseconds after which an entry without a record is nobody's: the clocks of servers may differ


class Entry(NamedTuple):
    """An entry in the index that was just made."""

    member: bytes
    fresh: bool
    at: int
    others: list[bytes]


class Seat(NamedTuple):
    """A seat that was just taken, or that there was none."""

    at: int
    mine: str
    before: bytes
    full: list[bytes] | None


async def register(scope: Scope, record: Record) -> Entry:
    """Enter `record` in the index, beside others that bear its name."""
    start = f"{record.ref}\0{record.app}\0"
    tag = layout.tag_of(record.key)
    key = scope.names.index(record.ref)
    script = run(_hash(key), registers.REGISTER, [key], start, tag, life(record.expires_at, await scope.now()))
    at, had, *others = await scope.lane.do(script)
    return Entry(f"{start}{tag}\0{at}".encode(), not had, at, others)


async def take_seat(scope: Scope, record: Record, limit: int | None = None) -> Seat:
    """Give `record` one of the seats of its principal; `limit`: how many there are."""
    root = scope.names.principal(record.principal or "")
    keys = [f"{root}seats:{record.app}", f"{root}apps"]
    tag, bound = layout.tag_of(record.key), "" if limit is None else str(limit)
    given = (record.app, record.ref, tag, str(record.version), bound, life(record.expires_at, await scope.now()))
    said, at, rest = await scope.lane.do(run(_hash(root), registers.SEAT, keys, *given))
    mine = f"{tag} {record.version} {at}"
    return Seat(at, mine, b"", rest) if said == b"full" else Seat(at, mine, rest, None)


async def withdraw(scope: Scope, record: Record, entry: Entry | None, seat: Seat | None) -> None:
    """Take back what was entered for a record that was not saved then."""
    undo: list[Command] = []
    if entry is not None and entry.fresh:
        key = scope.names.index(record.ref)
        undo.append(Command(_hash(key), (b"ZREM", key, entry.member), writes=True))
    if seat is not None and seat.full is None:
        undo.append(vacate(scope, record, [(record.ref, seat.mine, seat.before)]))
    await _cleaned(scope, undo)


def vacate(scope: Scope, record: Record, seats: Sequence[tuple[str | bytes, str | bytes, bytes]]) -> Command:
    """Clear seats of the principal of `record` that are still as they were seen, or give them back as before."""
    root = scope.names.principal(record.principal or "")
    keys = [f"{root}seats:{record.app}", f"{root}apps"]
    return run(_hash(root), registers.VACATE, keys, record.app, *(part for seat in seats for part in seat))


async def leave(scope: Scope, gone: Sequence[Record], *, seats_only: bool = False) -> None:
    """Strike out sessions that have ended, or have left their principal or their ref, as `gone` says."""
    undo: list[Command] = []
    starts: defaultdict[str, list[str]] = defaultdict(list)
    for record in gone:
        if not seats_only:
            start = f"{record.ref}\0{record.app}\0{layout.tag_of(record.key)}\0"
            starts[scope.names.index(record.ref)].append(start)
        if record.principal is not None:
            root = scope.names.principal(record.principal)
            keys = [f"{root}seats:{record.app}", f"{root}apps"]
            undo.append(run(_hash(root), registers.UNSEAT, keys, record.app, record.ref, str(record.version)))
    undo += [run(_hash(key), registers.UNREGISTER, [key], *some) for key, some in starts.items()]
    await _cleaned(scope, undo)


async def remain(scope: Scope, record: Record) -> None:
    """Prolong what is entered for a session that goes on; what was lost is entered again."""
    with contextlib.suppress(StoreUnavailable):
        await asyncio.gather(register(scope, record), *([take_seat(scope, record)] if record.principal else []))


async def other_holders(scope: Scope, record: Record, entry: Entry, *, new: bool) -> list[str]:
    """Keys of expired sessions elsewhere that bear the ref of `record`. Raises `Conflict` when a living one does."""
    expired: list[str] = []
    for member in entry.others:
        tag, at = member.decode().rsplit("\0", 2)[1:]
        time, key, value = await scope.peek(tag, record.ref, record.app, whole=True)
        if not value:
            if time - int(at) < VOID:
                raise Conflict  # another node is about to create it
            index = scope.names.index(record.ref)
            await scope.lane.do(Command(_hash(index), (b"ZREM", index, member), writes=True))
            continue
        stored = layout.unpack(value, key, record.app)
        if value[:1] == b"C" or not new:
            raise Conflict
        if stored.expires_at > scope.clock():
            raise Conflict(stored)
        expired.append(key)
    return expired


async def clear(scope: Scope, record: Record, keys: Sequence[str]) -> None:
    """Remove expired sessions at `keys` that bear the ref of `record`, which is stored now."""
    gone: list[Record] = []
    for key in keys:
        script = scope.run(layout.tag_of(key), scripts.DELETE, scope.clock(), record.app, key, record.ref)
        answer: list[Any] | None = await scope.lane.do(script)
        if answer is not None:
            gone.append(layout.unpack(answer[1], answer[0].decode(), record.app))
    await leave(scope, gone)


async def _cleaned(scope: Scope, commands: Sequence[Command]) -> None:
    # What is left standing is found to be void by whoever reads it.
    await asyncio.gather(*map(scope.lane.do, commands), return_exceptions=True)


def _hash(key: str) -> str:
    """The part of a name that decides on its slot."""
    return key.partition("{")[2].partition("}")[0]
