"""Saving: the one command that puts a record in the place of another, and what its answers mean."""

from __future__ import annotations

from typing import Any

from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, StoreBusy
from sojourn.store.valkey import layout, scripts
from sojourn.store.valkey.client.line import Command
from sojourn.store.valkey.scope import Scope

__all__ = ["check", "used", "write"]


async def write(scope: Scope, record: Record, over: Record | None, by: int | None = None) -> list[Record]:
    """Put `record` in the place of `over`, until `by` on the server's clock in milliseconds.

    Returns what had expired and was in the way, without its data. Raises `Conflict` or `Gone`.
    """
    if over is not None and layout.tag_of(record.key) != layout.tag_of(over.key):
        await check(scope, record, over)
        raise ValueError("a session moves to a key with the same first two characters: make its id with `after=`")
    now = await scope.now()
    limit = "" if by is None else str(by)
    if over is None:
        answer = await scope.lane.do(_create(scope, record, now, limit))
    elif over.key == record.key:
        answer = await scope.lane.do(_replace(scope, record, over, now, limit))
    else:
        answer = await scope.lane.do(_move(scope, record, over, now, limit))
    return _understood(answer, record)


def used(record: Record) -> str:
    """Until when keys that were left are followed, now that the new one is in use; empty when it is not."""
    return repr(record.accessed_at + GRACE) if record.accessed_at > record.renewed_at > record.created_at else ""


async def check(scope: Scope, record: Record, over: Record | None) -> None:
    """Raise what `write` would raise now."""
    now = await scope.now()
    place = record if over is None else over
    value = await scope.lane.do(scope.get(place.key, place.app))
    _, key, held = await scope.peek(layout.tag_of(place.key), record.ref, record.app, whole=True)
    if over is None:
        _check_free(value, record, key, held, now)
        return
    stored = await _unclaimed(scope, value, over)
    if stored is None or stored.ref != over.ref:
        raise Gone
    if stored.version != over.version or stored.key != over.key:
        raise Conflict(stored)
    if held and key != over.key:
        raise Conflict
    if record.key != over.key and await scope.lane.do(scope.get(record.key, record.app)) is not None:
        raise Conflict


def _create(scope: Scope, record: Record, now: float, by: str) -> Command:
    return scope.run(
        layout.tag_of(record.key),
        scripts.CREATE,
        now,
        *_asked(record, by),
        keys=(scope.place(record.key, record.app),),
    )


def _replace(scope: Scope, record: Record, over: Record, now: float, by: str) -> Command:
    return scope.run(
        layout.tag_of(record.key),
        scripts.REPLACE,
        now,
        *_asked(record, by),
        layout.version_of(over),
        over.ref,
        used(record),
        layout.field(over.ref, over.app) if over.ref != record.ref else "",
        keys=(scope.place(over.key, over.app),),
    )


def _move(scope: Scope, record: Record, over: Record, now: float, by: str) -> Command:
    return scope.run(
        layout.tag_of(over.key),
        scripts.MOVE,
        now,
        *_asked(record, by),
        layout.version_of(over),
        over.ref,
        used(record),
        layout.field(over.ref, over.app),
        over.key,
        "1" if record.epoch == over.epoch else "0",
        layout.message(over, key=over.key, version=record.version, node=record.node),
        keys=(scope.place(over.key, over.app), scope.place(record.key, record.app)),
    )


def _asked(record: Record, by: str) -> tuple[str | bytes, ...]:
    """What each script that saves is given first."""
    field = layout.field(record.ref, record.app)
    return (record.app, record.key, field, by, layout.pack(record), layout.message(record))


def _understood(answer: list[Any], record: Record) -> list[Record]:
    said, *rest = answer
    if said == b"ok":
        return [layout.unpack(head, "", record.app) for head in rest]
    if said == b"late":
        raise StoreBusy(
            "a node stood still as it let a session in, or the clocks of the servers differ by seconds; try again"
        )
    if said == b"gone":
        raise Gone
    raise Conflict(layout.unpack(rest[1], rest[0].decode(), record.app) if rest else None)


def _check_free(value: bytes | None, record: Record, key: str, held: bytes, now: float) -> None:
    """As the script for what is new: `held` at `key` bears its ref."""
    stub = layout.Stub(value) if value is not None and value[:1] == b"S" else None
    in_the_way = [] if value is None or stub else [(record.key, value)]
    if held and key != record.key:
        in_the_way.append((key, held))
    for where, each in in_the_way:
        if each[:1] == b"C":
            raise Conflict
        stored = layout.unpack(each, where, record.app)
        if stored.expires_at > now:
            raise Conflict(stored)
    if stub and all(stub.target != where for where, _ in in_the_way):
        raise Conflict


async def _unclaimed(scope: Scope, value: bytes | None, over: Record) -> Record | None:
    key = over.key
    if value is not None and value[:1] == b"S":
        stub = layout.Stub(value)
        key = stub.target
        value = await scope.lane.do(scope.get(key, over.app)) if stub.leads else None
    return layout.unpack(value, key, over.app) if value is not None and value[:1] == b"R" else None
