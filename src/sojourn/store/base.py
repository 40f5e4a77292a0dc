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
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from sojourn.core.record import Record

__all__ = ["SWEEP_DELAY", "Change", "Lists", "Moves", "Opens", "Query", "Store", "Sweeps", "Watches"]

SWEEP_DELAY = 60.0  # seconds that an expired record rests before it is swept: a request may still be using it


@runtime_checkable
class Store(Protocol):
    """What every store can do. Safe to call from several tasks at once; a cancelled call does all or nothing."""

    async def load(self, key: str, app: str) -> Record | None:
        """The live record at `key`, or None when there is none."""
        ...

    async def save(self, record: Record, *, over: Record | None) -> None:
        """Put `record` in the place of `over`, in one step. None creates, the same key updates, another key moves.

        `over` is known by its key, ref and version. Raises `Conflict` when its session is stored in another version, or
        when something is stored where a record is to be created or moved to; `Gone` when its session has ended.
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
        """Finish what was asked for and free everything. The store opens again when it is used again."""
        ...


@runtime_checkable
class Moves(Protocol):
    """A store that remembers for `GRACE` seconds that a key was left at a sign-in."""

    async def moved(self, key: str, app: str) -> bool:
        """Whether a session was moved away from `key` at a sign-in, just now."""
        ...


@runtime_checkable
class Sweeps(Protocol):
    """A store that can say what has expired. Without it, a store must forget expired records by itself."""

    async def claim(self, *, limit: int, lease: float) -> list[Record]:
        """Up to `limit` records that expired more than `SWEEP_DELAY` ago and that nobody has claimed.

        They are ours for `lease` seconds: nobody else gets them, and they can no longer be saved, touched or deleted.
        If they are not forgotten by then, because a node died, they can be claimed again.
        """
        ...

    async def forget(self, records: Sequence[Record]) -> None:
        """Remove claimed records, when their end has been announced."""
        ...


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions are wanted: all that fit every field that is given. Times in seconds since the epoch."""

    app: str | None = None
    ref: str | None = None
    principal: str | None = None
    node: str | None = None
    accessed_before: float | None = None


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

    `number` rises by one for each: a gap means that some were missed. A move is two changes: the record has left the
    old key (`ended`), and is saved at the new one; both name the new version. `key` is always the record's own, even
    where another key leads to it.
    """

    number: int
    key: str
    app: str
    version: int
    node: str
    ended: bool


@runtime_checkable
class Watches(Protocol):
    """A store that tells what changes in it, whoever makes the change."""

    def watch(self) -> AsyncIterator[Change]:
        """Every change from now on, in the order in which they happened."""
        ...
