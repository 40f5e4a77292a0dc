"""Around: what every store around a store has in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar, TypeVar

from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.errors import SettingError
from sojourn.store.base import (
    Admits,
    Beat,
    Change,
    Ending,
    Flushes,
    Leases,
    Lists,
    Moves,
    Opens,
    Query,
    Store,
    Sweeps,
    Tells,
    Watches,
    WhenFull,
    power,
)

__all__ = ["Around"]

P = TypeVar("P")


class Around:
    """Hands everything on to the store `inner`: a wrapper says only what it does otherwise.

    It has the powers of `inner` (see `power`), and those that it `adds`.
    """

    adds: ClassVar[tuple[type[Any], ...]] = (Opens,)

    def __init__(self, inner: Store) -> None:
        """`inner`: the store that is wrapped."""
        self.inner = inner

    async def open(self) -> None:
        """As `Opens`."""
        if (opens := power(self.inner, Opens)) is not None:
            await opens.open()

    async def close(self) -> None:
        """As `Opens`."""
        if (opens := power(self.inner, Opens)) is not None:
            await opens.close()

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        return await self.inner.load(key, app)

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        await self.inner.save(record, over=over)

    async def touch(self, record: Record) -> bool:
        """As `Store`."""
        return await self.inner.touch(record)

    async def delete(self, key: str, app: str) -> bool:
        """As `Store`."""
        return await self.inner.delete(key, app)

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`."""
        return await self._asked(Moves).moved(key, app)

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`."""
        return await self._asked(Sweeps).end(key, app, reason=reason, lease=lease)

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`."""
        return await self._asked(Sweeps).claim(limit=limit, lease=lease)

    async def forget(self, records: Sequence[Record]) -> None:
        """As `Sweeps`."""
        await self._asked(Sweeps).forget(records)

    async def discard(self, *, limit: int) -> int:
        """As `Sweeps`."""
        return await self._asked(Sweeps).discard(limit=limit)

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`."""
        return await self._asked(Lists).find(query, limit=limit, after=after)

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        return await self._asked(Admits).admit(record, over=over, limit=limit, when_full=when_full, lease=lease)

    async def hold(self, record: Record, holder: str, *, seconds: float) -> bool:
        """As `Leases`."""
        return await self._asked(Leases).hold(record, holder, seconds=seconds)

    async def release(self, record: Record, holder: str) -> None:
        """As `Leases`."""
        await self._asked(Leases).release(record, holder)

    async def flush(self) -> None:
        """As `Flushes`."""
        await self._asked(Flushes).flush()

    def now(self) -> float:
        """As `Tells`."""
        return self._asked(Tells).now()

    def watch(self) -> AsyncIterator[Change | Beat]:
        """As `Watches`."""
        return self._asked(Watches).watch()

    def _asked(self, kind: Callable[..., P]) -> P:
        able = power(self.inner, kind)
        if able is None:
            raise SettingError(f"{type(self.inner).__name__} lacks the power {kind.__name__}: ask `power` before")
        return able
