"""Records that hold attributes, and what becomes of them."""

from __future__ import annotations

from typing import Any

import msgspec

from sojourn.core import codec
from sojourn.core.record import Record
from sojourn.store import Store
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


def data(**attributes: Any) -> bytes:
    return codec.write({name: codec.pack(value, name) for name, value in attributes.items()})


def held(record: Record | None) -> dict[str, Any]:
    assert record is not None
    return {name: codec.unpack(packed) for name, packed in codec.read(record.data).items()}


def with_attributes(record: Record, **attributes: Any) -> Record:
    """The next version, with these attributes beside those that it has; None takes one out."""
    kept = {name: value for name, value in (held(record) | attributes).items() if value is not None}
    return records.newer(record, data=data(**kept))


async def created(store: Store, clock: FakeClock, **attributes: Any) -> Record:
    record = records.new(clock, data=data(**attributes))
    await store.save(record, over=None)
    return record


async def changed(store: Store, record: Record, **attributes: Any) -> Record:
    newer = with_attributes(record, **attributes)
    await store.save(newer, over=record)
    return newer


async def renewed(store: Store, record: Record, clock: FakeClock) -> Record:
    clock.advance(seconds=1)
    moved = records.renewed(record, clock, data=record.data)
    await store.save(moved, over=record)
    return moved


async def signed_in(store: Store, record: Record, clock: FakeClock) -> Record:
    clock.advance(seconds=1)
    moved = records.signed_in(record, clock, data=record.data)
    await store.save(moved, over=record)
    return moved


def on(record: Record, node: str) -> Record:
    return msgspec.structs.replace(record, node=node)
