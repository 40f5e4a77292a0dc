"""Admission: a session enters under a new ref or comes into new hands, perhaps within a limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from sojourn.chance import chance
from sojourn.core.record import Record
from sojourn.errors import LimitReached, OutcomeUnknown, StoreBusy, StoreError
from sojourn.store.base import WhenFull
from sojourn.store.gathering import Gathering
from sojourn.store.valkey import endings, layout, registry
from sojourn.store.valkey.saving import check, write
from sojourn.store.valkey.scope import Scope

__all__ = ["Limit", "enter"]

PATIENCE = 5.0  # seconds to wait for others who are about to take seats, before somebody can be evicted for one


class Limit(NamedTuple):
    """How many sessions a principal may have, and what becomes of the others."""

    seats: int
    when_full: WhenFull
    lease: float


class _Want(NamedTuple):
    record: Record
    limit: Limit


async def enter(scope: Scope, record: Record, over: Record | None, limit: Limit | None = None) -> list[Record]:
    """Save a record under a ref or principal that it did not have; returns what was evicted for it.

    It is entered in the registers first, and saved only as long as its entries hold good: so nobody's session is
    missing there, and no seat is taken twice, even by a node that stands still for a while between the two.
    """
    await scope.now()
    renamed = over is None or over.ref != record.ref
    entry = await registry.register(scope, record) if renamed else None
    seat: registry.Seat | None = None
    evicted: list[Record] = []
    try:
        expired = [] if entry is None else await registry.other_holders(scope, record, entry, new=over is None)
        if record.principal is not None:
            seat, evicted = await _seated(scope, record, over, limit)
        stamps = [each.at for each in (entry, seat) if each is not None]
        in_the_way = await write(scope, record, over, min(stamps) + registry.ENTERING if stamps else None)
    except OutcomeUnknown:
        raise
    except StoreError:
        await registry.withdraw(scope, record, entry, seat)
        raise
    await _clean(scope, record, over, in_the_way)
    await registry.clear(scope, record, expired)
    return evicted


async def _seated(
    scope: Scope, record: Record, over: Record | None, limit: Limit | None
) -> tuple[registry.Seat, list[Record]]:
    """A seat for `record`, and who was evicted for it. Raises `LimitReached`."""
    evicted: list[Record] = []
    give_up_at = time.monotonic() + PATIENCE
    while True:
        seat = await registry.take_seat(scope, record, None if limit is None else limit.seats)
        if seat.full is None or limit is None:
            return seat, evicted
        await check(scope, record, over)
        ended = await _room(scope, record, over, limit)(_Want(record, limit))
        evicted += ended
        if not ended:
            if time.monotonic() > give_up_at:
                raise StoreBusy("too many sign-ins of one principal at once; try again")
            await asyncio.sleep(chance.uniform(0.002, 0.02))  # so that two do not march in step


def _room(scope: Scope, record: Record, over: Record | None, limit: Limit) -> Gathering[_Want, list[Record]]:
    """Makes room for those who wait for a seat of one principal: one look at all who sit there is enough for them.

    Whoever sits there already looks alone, for others must not count or evict it for its own sake.
    """
    sits = over is not None and over.principal == record.principal
    name = f"{scope.names.principal(record.principal or '')}{limit}{record.app}{record.ref if sits else ''}"
    room = scope.lane.gatherings.get(name)
    if room is None:
        room = scope.lane.gatherings[name] = Gathering(lambda wants: _make_room(scope, wants))
    return room


async def _make_room(scope: Scope, wants: Sequence[_Want]) -> list[list[Record] | Exception]:
    """Who was evicted for each; nobody where there is room, or where room is to be waited for."""
    record, limit = wants[0]
    seat = await registry.take_seat(scope, record, 0)  # only to see who has the others
    live, void, coming = await _look(scope, record, seat)
    if void:
        await scope.lane.do(registry.vacate(scope, record, void))
    free = limit.seats - len(live) - coming
    refusal = LimitReached("the principal has as many sessions as one may have; end one of them first")
    if limit.when_full == "refuse" or limit.seats < 1:
        return [[] if free > 0 else refusal for _ in wants]
    ended = await _evict(scope, live, limit, max(0, len(wants) - free))
    await registry.leave(scope, ended, seats_only=True)
    return [ended[number : number + 1] if number + 1 < len(wants) else ended[number:] for number in range(len(wants))]


async def _look(
    scope: Scope, record: Record, seat: registry.Seat
) -> tuple[list[Record], list[tuple[bytes, bytes, bytes]], int]:
    """The other live sessions of the principal, the seats that are nobody's, and how many are about to be taken."""
    taken = seat.full or []
    seats = [(ref, held) for ref, held in zip(taken[::2], taken[1::2], strict=True) if ref != record.ref.encode()]
    seen = await asyncio.gather(*(_sitting(scope, record, ref, held) for ref, held in seats))
    live = [each for each in seen if isinstance(each, Record)]
    void = [(*place, b"") for place, each in zip(seats, seen, strict=True) if each is None]
    return live, void, len(seen) - len(live) - len(void)


async def _sitting(scope: Scope, record: Record, ref: bytes, held: bytes) -> Record | float | None:
    """Who has a seat: a live session, one that is about to come (since when), or nobody."""
    tag, version, at = held.decode().split(" ")
    now, key, head = await scope.peek(tag, ref.decode(), record.app, whole=False)
    if head[:1] == b"R":
        other = layout.unpack(head, key, record.app)
        if other.principal == record.principal and other.expires_at > scope.clock():
            return other
        if other.version >= int(version):
            return None  # what took the seat was written, and has expired or changed hands since
    if head[:1] == b"C":
        return None
    return float(at) if now - int(at) < registry.VOID else None


async def _evict(scope: Scope, live: Sequence[Record], limit: Limit, excess: int) -> list[Record]:
    since = "created_at" if limit.when_full == "end-oldest" else "accessed_at"
    chosen = sorted(live, key=lambda other: (getattr(other, since), other.ref))[:excess]
    ended = [
        endings.end(scope, other.key, other.app, reason="evicted", lease=limit.lease, ref=other.ref) for other in chosen
    ]
    return [record for record in await asyncio.gather(*ended) if record is not None]


async def _clean(scope: Scope, record: Record, over: Record | None, in_the_way: Sequence[Record]) -> None:
    gone = [layout.moved_to(other, record.key) for other in in_the_way]
    await registry.leave(scope, [other for other in gone if other.ref != record.ref])
    seats = [other for other in gone if other.ref == record.ref and other.principal != record.principal]
    if over is not None and over.ref != record.ref:
        await registry.leave(scope, [layout.moved_to(over, record.key)])
    elif over is not None and over.principal != record.principal:
        seats.append(over)
    await registry.leave(scope, seats, seats_only=True)
