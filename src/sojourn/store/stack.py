"""Stack: the stores around a store, in the order in which they work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, cast

import msgspec

from sojourn.chance import chance
from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import SettingError, StoreDamaged, StoreDenied, StoreTooNew, StoreUnavailable
from sojourn.store.base import Opens, Store, Tells, Watches, power
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.breaker import BreakerStore
from sojourn.store.near import Near, NearStore
from sojourn.store.observed import ObservedStore
from sojourn.store.outage import Outage, OutageStore

__all__ = ["LASTING", "NEAR", "Outer", "clock_of", "innermost", "is_remote", "layers", "open_patiently", "stacked"]

NEAR: Literal["remote"] = "remote"
"""A near cache for those stores alone that cost a round trip: a read of the others costs less than the cache."""

PAUSES = (0.2, 5.0)  # seconds between two attempts to open a store, from the first to the longest
SAYS = 30.0  # seconds between two lines in the log that say so
LASTING = (StoreDamaged, StoreDenied, StoreTooNew)
"""What does not pass by waiting."""

_log = logging.getLogger(__name__)


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes around a store."""

    node: str
    near: Near | Literal["remote"] | None
    behind: Behind | None
    seal: Sequence[bytes] | None
    outage: Outage


def stacked(
    store: Store,
    outer: Outer,
    clock: Clock,
    *,
    dropped: Callable[[Record], None],
    unreadable: Callable[[Record, str], None],
) -> Store:
    """`store` with those around it. Raises `SettingError`.

    From the inside: observed, so that what the others answer is not counted; a breaker, so that nobody waits for what
    is away; sealed, so that nothing readable reaches the store; near, so that a hit is not opened once more; behind, so
    that what is queued is served before a copy of what is stored; outage, so that it answers where none of them can.
    `dropped` is told of changes that were acknowledged and are not stored, `unreadable` of sessions that do not open,
    and why.
    """
    remote = is_remote(store)
    store = ObservedStore(store)
    if remote:
        store = BreakerStore(store)
    if outer.seal is not None:
        store = _sealed(store, outer.seal, unreadable)
    pays = remote and power(store, Watches) is not None
    near = outer.near if outer.near != NEAR else Near() if pays else None
    if isinstance(near, Near):
        store = NearStore(store, near, node=outer.node, clock=clock, outlive=outer.outage == "read-only")
    if outer.behind is not None:
        store = BehindStore(store, outer.behind, clock=clock, dropped=dropped)
    if outer.outage != "fail":
        store = OutageStore(store, outer.outage)
    return store


def _sealed(store: Store, keys: Sequence[bytes], unreadable: Callable[[Record, str], None]) -> Store:
    try:
        from sojourn.store.sealed import SealedStore
    except ModuleNotFoundError:
        raise SettingError("seal=… needs cryptography: pip install 'sojourn[seal]'") from None
    return SealedStore(store, keys, unreadable=unreadable)


def layers(store: Store) -> Iterator[Store]:
    """`store` and all that it wraps, from the outside to the one in the middle."""
    yield store
    while (inner := getattr(store, "inner", None)) is not None:
        store = inner
        yield store


def innermost(store: Store) -> Store:
    """The store in the middle, that keeps the records."""
    while (inner := getattr(store, "inner", None)) is not None:
        store = inner
    return store


def clock_of(store: Store) -> Clock:
    """The clock that all nodes share, or this machine's when the store has none, or has not been asked yet."""
    if power(store, Tells) is None:
        return time.time
    # Asked with each request: so it is that of the store in the middle, and not handed through those around it.
    clock: Clock = cast("Any", innermost(store)).now

    def now() -> float:
        try:
            return clock()
        except StoreUnavailable:
            return time.time()

    return now if is_remote(store) else clock


def is_remote(store: Store) -> bool:
    """Whether each answer costs a round trip, and the store may be away while this machine is well."""
    return bool(getattr(innermost(store), "remote", False))


async def open_patiently(store: Opens, *, patience: float) -> None:
    """Open it, with further attempts for `patience` seconds while it is away. Raises `StoreUnavailable`."""
    time_of = asyncio.get_running_loop().time
    deadline, said, (pause, longest) = time_of() + patience, -SAYS, PAUSES
    while True:
        try:
            await store.open()
        except LASTING:
            raise
        except StoreUnavailable as error:
            if time_of() + pause > deadline:
                raise
            if time_of() >= said + SAYS:
                said = time_of()
                _log.warning("waiting for the store: %s", error)
        else:
            return
        await asyncio.sleep(pause * chance.uniform(0.5, 1.0))
        pause = min(pause * 2, longest)
