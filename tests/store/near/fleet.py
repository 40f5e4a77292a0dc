"""A fleet under control: nodes that share a store, and what each of them hears of it, when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from tests.fixtures.watched import Gate, Step

from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.errors import StoreUnavailable
from sojourn.store.around import Around
from sojourn.store.base import Beat, Change, Ending, WhenFull
from sojourn.store.memory import MemoryStore
from sojourn.store.near import Near, NearStore
from sojourn.testing import FakeClock


class Untold(asyncio.Queue[Change]):
    """Watches a store in memory, as its `Watcher` does."""

    def tell(self, change: Change) -> None:
        self.put_nowait(change)


class Line(Around):
    """What joins one node to the store. Each question can be paused or fail, and changes wait to be told."""

    inner: MemoryStore

    def __init__(self, inner: MemoryStore, monotonic: FakeClock) -> None:
        super().__init__(inner)
        self.monotonic = monotonic
        self.calls: list[str] = []
        self.before: dict[str, Step] = {}
        self.after: dict[str, Step] = {}
        self.untold = Untold()
        self.refused: Exception | None = None
        self.watched = 0
        self._told: asyncio.Queue[Change | Beat | Exception] | None = None
        inner._watchers.add(cast("Any", self.untold))

    def pause(self, name: str) -> Gate:
        """Let the first call of `name` wait, before the store hears of it."""
        gate = self.before[name] = Gate()
        return gate

    def pause_after(self, name: str) -> Gate:
        """Let the first call of `name` wait, when the store has done it."""
        gate = self.after[name] = Gate()
        return gate

    def fail(self, name: str, error: Exception, *, after: bool = False) -> None:
        async def fails(*_: Any) -> None:
            raise error

        (self.after if after else self.before)[name] = fails

    # --- the watch -----------------------------------------------------------------------------------------------

    async def watch(self) -> AsyncIterator[Change | Beat]:
        self.watched += 1
        told = self._told = asyncio.Queue()
        if "watch" in self.before:
            await self.before["watch"]()
        if self.refused is not None:
            raise self.refused
        self.lose()
        told.put_nowait(self.sign_of_life())
        while True:
            message = await told.get()
            try:
                if isinstance(message, Exception):
                    raise message
                yield message
            finally:
                told.task_done()

    async def tell(self, *messages: Change | Beat | Exception) -> None:
        """Tell these, and wait until they were heard."""
        assert self._told is not None
        for message in messages:
            self._told.put_nowait(message)
        await self._told.join()

    async def deliver(self, number: int | None = None) -> list[Change]:
        """Tell the next changes: `number`, or all that wait."""
        count = self.untold.qsize() if number is None else min(number, self.untold.qsize())
        changes = [self.untold.get_nowait() for _ in range(count)]
        await self.tell(*changes)
        return changes

    async def beat(self) -> None:
        """Tell all that waits, and give a sign of life."""
        await self.deliver()
        await self.tell(self.sign_of_life())

    def sign_of_life(self) -> Beat:
        """The answer to a question of this moment."""
        return Beat(number=self.inner._changes, asked_at=self.monotonic())

    def lose(self) -> None:
        """What waits is never told."""
        while not self.untold.empty():
            self.untold.get_nowait()

    async def cut(self) -> None:
        """Break the watch."""
        await self.tell(StoreUnavailable("the connection is cut; wait"))

    # --- questions -----------------------------------------------------------------------------------------------

    async def load(self, key: str, app: str) -> Record | None:
        return await self._do("load", key, app)  # type: ignore[no-any-return]

    async def save(self, record: Record, *, over: Record | None) -> None:
        await self._do("save", record, over=over)

    async def touch(self, record: Record) -> bool:
        return await self._do("touch", record)  # type: ignore[no-any-return]

    async def delete(self, key: str, app: str) -> bool:
        return await self._do("delete", key, app)  # type: ignore[no-any-return]

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        return await self._do("end", key, app, reason=reason, lease=lease)  # type: ignore[no-any-return]

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        return await self._do("claim", limit=limit, lease=lease)  # type: ignore[no-any-return]

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        options = {"over": over, "limit": limit, "when_full": when_full, "lease": lease}
        return await self._do("admit", record, **options)  # type: ignore[no-any-return]

    async def _do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(name)
        if name in self.before:
            await self.before[name](*args)
        result = await getattr(self.inner, name)(*args, **kwargs)
        if name in self.after:
            await self.after[name](*args)
        return result


class Node(NearStore):
    """One node of the fleet, and its line."""

    inner: Line

    def __init__(self, store: MemoryStore, near: Near, *, name: str, clock: FakeClock, monotonic: FakeClock) -> None:
        self.line = Line(store, monotonic)
        super().__init__(self.line, near, node=name, clock=clock, monotonic=monotonic)

    async def on(self) -> None:
        """Wait until the watch is alive."""
        await self.open()
        async with asyncio.timeout(10):
            while not self.healthy:  # noqa: ASYNC110 - there is no event of it
                await asyncio.sleep(0.001)

    def has(self, record: Record) -> bool:
        """Whether `record`, just so, is served from memory."""
        return self.recall(record.key, record.app, record.version) == record

    def serves(self, record: Record) -> bool:
        """Whether anything is served from memory at the key of `record`."""
        return self.recall(record.key, record.app, 0) is not None

    async def loads(self, record: Record) -> Record | None:
        return await self.fetch(record.key, record.app, record.version)


async def soon() -> None:
    """Let all that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)
