"""Tier: where a store in memory has its sessions, in memory or on disk. A session is in one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.store.base import Ending, Query

__all__ = ["Found", "Left", "Tell", "Tier"]


class Left(msgspec.Struct, frozen=True):
    """What is told to those who watch: a record was saved, or is at its key no longer."""

    key: str
    app: str
    version: int
    node: str
    ended: bool


Tell = Callable[[Left], None]


class Found(msgspec.Struct, frozen=True):
    """A record and whether it is claimed."""

    record: Record
    claimed: bool


class Tier(Protocol):
    """Sessions with their stubs. No method waits; what may be done has been decided by the store before."""

    def __len__(self) -> int:
        """How many sessions there are, of whatever kind."""
        ...

    def load(self, key: str, app: str, now: float) -> Record | None:
        """The live record at `key`, or where an open stub leads."""
        ...

    def moved(self, key: str, app: str, now: float) -> bool:
        """Whether `key` was left at a sign-in, just now."""
        ...

    def unclaimed(self, key: str, app: str) -> Record | None:
        """The record at `key` or where its stub leads, expired or not, unless it is claimed."""
        ...

    def found(self, record: Record) -> list[Found]:
        """What has the key or the ref of `record`, the key first."""
        ...

    def target(self, record: Record) -> str | None:
        """Where the stub leads that is in the place of `record`."""
        ...

    def of_principal(self, principal: str, app: str, now: float) -> list[Record]:
        """The live sessions of a principal in an application."""
        ...

    def put(self, record: Record, over: Record | None, now: float) -> None:
        """Store `record` in the place of `over`, which is here, with a stub where it moves."""
        ...

    def touch(self, record: Record) -> bool:
        """Carry over the times of `record`, only forward; False when it is not here."""
        ...

    def remove(self, record: Record) -> None:
        """Remove a record that is here."""
        ...

    def end(self, record: Record, reason: Reason, until: float) -> None:
        """Claim a record that is here."""
        ...

    def claim(self, now: float, limit: int, lease: float) -> list[Ending]:
        """Claim what is ripe. Forgets stubs whose time is over, too."""
        ...

    def forget(self, records: Sequence[Record]) -> None:
        """Remove those of the records that are here and claimed."""
        ...

    def discard(self, now: float, limit: int) -> int:
        """Remove what `claim` would claim; how many there were."""
        ...

    def find(self, query: Query, limit: int, after: str, now: float) -> list[Record]:
        """The first live records that fit, as `Lists`."""
        ...
