"""Store: where records rest. Four methods, and optional powers, each a protocol of its own.

What holds for all of them:

- **Absent is not an error.** A record that was never stored, has ended or has expired is absent, whether or not
  anything has been swept. Errors are for a store that cannot answer: `StoreUnavailable` and its kinds.
- **A save names what it replaces**, and happens only there, in one step: so no update is lost and nothing that has
  ended comes back.
- **A move leaves a stub** at the old key. After a renewal within one epoch the stub leads on: `load`, `save` and
  `delete` follow it, for `load` until `GRACE` seconds after the first use of the new key. After a sign-in (the epoch
  differs) it leads nowhere: what comes with the old key is Gone.
- **A request that began in time keeps its session**: a record that has expired can still be saved, touched and deleted
  by those who have it, until it is claimed by a sweep.

A store whose answers cost a round trip says so: `remote = True`, a plain attribute of its class. Around such a store
there is a breaker and, if it can be watched, a near cache; it is opened before the first session, for its clock, and
waited for at the start.

Which powers a store has is told by `power`, not by `isinstance`: a store around a store (`Around`) has those of the
store that it wraps.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, TypeVar, cast, runtime_checkable

import msgspec

from sojourn.core.events import Reason
from sojourn.core.record import Record

__all__ = [
    "BEAT",
    "SWEEP_DELAY",
    "Admits",
    "Beat",
    "Change",
    "Ending",
    "Flushes",
    "Gathers",
    "Keeps",
    "Leases",
    "Lists",
    "Moves",
    "Opens",
    "Query",
    "Recalls",
    "Store",
    "Sweeps",
    "Tells",
    "Traffic",
    "Watches",
    "WhenFull",
    "page",
    "power",
]

P = TypeVar("P")

SWEEP_DELAY = 60.0  # seconds that an expired record rests before it is swept: a request may still be using it
BEAT = 1.0  # seconds between two signs of life of a watch, at most

WhenFull = Literal["refuse", "end-oldest", "end-least-used"]
"""What becomes of a sign-in beyond the limit, or of the sessions before it."""


@runtime_checkable
class Store(Protocol):
    """What every store can do. Safe to call from several tasks at once; a cancelled call does all or nothing."""

    async def load(self, key: str, app: str) -> Record | None:
        """The live record at `key`, or None when there is none."""
        ...

    async def save(self, record: Record, *, over: Record | None) -> None:
        """Put `record` in the place of `over`, in one step. None creates, the same key updates, another key moves.

        A move keeps the first two characters of the key, so that record and stub can rest in one place. `over` is known
        by its key, ref and version. Raises `Conflict` when its session is stored in another version, or when something
        is stored where a record is to be created or moved to; `Gone` when its session has ended.
        """
        ...

    async def touch(self, record: Record) -> bool:
        """Carry over `accessed_at` and `expires_at` alone, each only forward; False when it is not at its key any more.

        Makes no new version, and never creates.
        """
        ...

    async def delete(self, key: str, app: str) -> bool:
        """Forget the session at `key`; False when there was none. True once, for one of many that try."""
        ...


@runtime_checkable
class Opens(Protocol):
    """A store that has to be opened. It does so by itself when first used; `open` tells early whether that works."""

    async def open(self) -> None:
        """Open what can be opened. Raises `StoreUnavailable`."""
        ...

    async def close(self) -> None:
        """Finish what was asked for and free everything, at least for the event loop that asks.

        A connection belongs to one event loop, and can be closed there alone. The store opens again when it is used
        again.
        """
        ...


@runtime_checkable
class Moves(Protocol):
    """A store that remembers for `GRACE` seconds that a key was left at a sign-in."""

    async def moved(self, key: str, app: str) -> bool:
        """Whether a session was moved away from `key` at a sign-in, just now."""
        ...


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A session that has ended and that is ours to announce."""

    record: Record
    reason: Reason


@runtime_checkable
class Sweeps(Protocol):
    """A store that keeps what has ended until that was announced. Without it, a store forgets expired records itself.

    A record is claimed for `lease` seconds, announced, then forgotten. While it is claimed it is out of reach: absent
    for all but `forget`, and nothing can take its place. If the one who claimed it dies, another claims it again when
    the lease is over: an end is announced at least once, and twice only with the same `event_id`.
    """

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """Claim the session at `key`, or where its stub leads, live or expired; None when there is none.

        What it held, as it was last stored. For one of many that try.
        """
        ...

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """Claim up to `limit` records that expired more than `SWEEP_DELAY` ago, or whose claim has run out.

        The reason is that of the first claim; `"absolute"` or `"idle"` for what has expired. A record that cannot be
        read is set aside for good and logged: it is never returned, and does not stop the others.
        """
        ...

    async def forget(self, records: Sequence[Record]) -> None:
        """Remove claimed records, when their end has been announced."""
        ...

    async def discard(self, *, limit: int) -> int:
        """Remove up to `limit` of what `claim` would claim, in one step and unread; how many there were.

        For a node on which nobody listens: with nobody to be told, there is nothing that a lease would keep.
        """
        ...


@runtime_checkable
class Admits(Protocol):
    """A store that can hold a principal to a number of sessions, whichever nodes they come from."""

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `save` for a record that comes into the hands of its principal, who may then have `limit` live sessions.

        Beyond that it raises `LimitReached` and stores nothing; or it claims, for the reason `"evicted"` and for
        `lease` seconds, as many others as needed, those created first or those used longest ago, and returns them to
        be announced and forgotten: in that order, those of one time by their refs. Sessions of one principal are
        counted within one `app`. Never more than `limit` are live, however many sign in at once.

        `Conflict` and `Gone` come before `LimitReached`: what could not be saved at all meets no limit and evicts
        nobody. Only when the conflict arises at that very moment, others may have been evicted in vain.
        """
        ...


@runtime_checkable
class Leases(Protocol):
    """A store that can give one of many the sole right to a session."""

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """Give `holder` the right to the session of `record` for `seconds`, or prolong it; False when another has it.

        It belongs to the ref and application: renewals change nothing.
        """
        ...

    async def release(self, record: Record, holder: str) -> None:
        """Give the right back, if `holder` still has it."""
        ...


@runtime_checkable
class Tells(Protocol):
    """A store whose clock all nodes share."""

    def now(self) -> float:
        """The time of the store, in seconds since the epoch: what was measured last, and what has passed since.

        The time that has passed is that of the monotonic clock, so a node whose own clock is wrong is right by this.
        Before the first contact nothing was measured: then it is this machine's time, or `StoreUnavailable`. Who needs
        the right one opens the store before.
        """
        ...


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions are wanted: all that fit every field that is given. Times in seconds since the epoch."""

    app: str | None = None
    ref: str | None = None
    principal: str | None = None
    node: str | None = None
    accessed_before: float | None = None

    def fits(self, record: Record) -> bool:
        """Whether `record` is wanted, live or not."""
        return (
            self.app in (None, record.app)
            and self.ref in (None, record.ref)
            and self.principal in (None, record.principal)
            and self.node in (None, record.node)
            and (self.accessed_before is None or record.accessed_at < self.accessed_before)
        )


@runtime_checkable
class Lists(Protocol):
    """A store that can be searched."""

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """The first `limit` live records that fit, in the order of their refs; `after` a ref for the next page.

        A page ends between two refs, so it is longer where sessions of several applications share its last one.
        """
        ...


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A record was saved, or is at its key no longer.

    `number` rises by one for each within a watch: a gap means that some were missed. A move is two changes: the record
    has left the old key (`ended`), and is saved at the new one; both name the new version. `key` is always the record's
    own, even where another key leads to it. An end and an eviction are told when the record is claimed, and again when
    it is forgotten; what has expired, when it is forgotten.
    """

    number: int
    key: str
    app: str
    version: int
    node: str
    ended: bool


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of life: every change that happened before `asked_at` has been told, up to `number`.

    `asked_at`, by `time.monotonic()`, is when the store was asked, not when it answered: an answer may have come
    slowly, or have waited for a process that was stopped. It rises from beat to beat.
    """

    number: int
    asked_at: float


@runtime_checkable
class Watches(Protocol):
    """A store that tells what changes in it, whoever makes the change."""

    def watch(self) -> AsyncIterator[Change | Beat]:
        """First a `Beat`: from now on every change is told, in the order in which they happened for one session.

        A `Beat` at least every `BEAT` seconds, also when nothing changes. What comes may be told twice, but nothing is
        left out: a watch that may have missed something raises `StoreUnavailable`, or leaves a gap in the numbers.
        """
        ...


@runtime_checkable
class Recalls(Protocol):
    """A store that can answer at once, as a rule, those who can tell the version that they saw last."""

    def recall(self, key: str, app: str, version: int) -> Record | None:
        """The record, live and not older than `version`; None when it takes a wait to tell."""
        ...

    async def fetch(self, key: str, app: str, version: int) -> Record | None:
        """As `load`, together with others who ask for the same; never a copy older than `version` and the store's."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """A store whose copies outlive its watch, for those who would rather read something old than nothing."""

    def kept(self, key: str, app: str) -> Record | None:
        """The copy at `key` that was live and current when it was last known to be; None when there is none."""
        ...


@runtime_checkable
class Flushes(Protocol):
    """A store that acknowledges what it has yet to save."""

    async def flush(self) -> None:
        """Save all that waits by now. Raises `StoreError` when some of it could not be saved; that waits on."""
        ...


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What went to a server so far, from the event loops that are still at work."""

    operations: int
    round_trips: int


@runtime_checkable
class Gathers(Protocol):
    """A store that asks its server many things in one round trip."""

    @property
    def traffic(self) -> Traffic:
        """How many, in how many."""
        ...


def page(records: Iterable[Record], limit: int) -> list[Record]:
    """The first `limit` records in the order of their refs, and those that share the last one's."""
    found = sorted(records, key=lambda record: (record.ref, record.app))
    first = found[:limit]
    return first + [record for record in found[limit:] if first and record.ref == first[-1].ref]


def power(store: object, kind: Callable[..., P]) -> P | None:  # for a type checker, a protocol is no type[P]
    """`store` as a store with that power; None when it, or a store that it wraps, lacks it."""
    inner = getattr(store, "inner", None)
    if not isinstance(store, cast("type[P]", kind)):
        return None
    if inner is None or kind in cast("Any", store).adds or power(inner, kind) is not None:
        return store
    return None
