"""Watching: what the scripts publish, and a sign of life on the very connections that bring it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator

from sojourn.errors import StoreUnavailable
from sojourn.store.base import BEAT, Beat, Change
from sojourn.store.valkey import layout
from sojourn.store.valkey.client.address import Address, Place, spoken
from sojourn.store.valkey.client.line import dial
from sojourn.store.valkey.client.refusals import lost, unreachable
from sojourn.store.valkey.client.topology import Topology, of_cluster
from sojourn.store.valkey.client.wire import BROKEN, Wire, slot_of
from sojourn.store.valkey.scope import Scope

__all__ = ["watch"]

BACKLOG = 10_000  # messages that may wait for a reader who is slow; beyond that the server keeps them, for a while


async def watch(scope: Scope, address: Address) -> AsyncGenerator[Change | Beat]:
    """Changes and signs of life. Raises `StoreUnavailable` when one may have been missed."""
    watching = _Watching(scope, address)
    number = 0
    try:
        await watching.begin()
        while True:
            news = await watching.news.get()
            if isinstance(news, Exception):
                raise news
            if isinstance(news, float):
                yield Beat(number=number, asked_at=news)
            else:
                number += 1
                yield layout.change(news, number)
    finally:
        await watching.end()


class _Watching:
    """A connection to each server that has slots: messages of its own slots come over it in their order."""

    def __init__(self, scope: Scope, address: Address) -> None:
        # Messages; in their midst, when was asked for all that stands before; at last, why there are no more.
        self.news: asyncio.Queue[bytes | float | Exception] = asyncio.Queue(BACKLOG)
        self._scope = scope
        self._address = address
        self._wires: dict[Place, Wire] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._pongs: dict[Place, asyncio.Future[bytes]] = {}
        self._topology: Topology = ()
        self._views: dict[Place, Topology] = {}
        self._owners: dict[str, Place] = {}  # by tag

    async def begin(self) -> None:
        """Subscribe everywhere."""
        self._topology = await self._scope.lane.servers()
        for place in dict.fromkeys(place for _, _, place in self._topology):
            wire = self._wires[place] = await dial(self._address, place, self._scope.clock)
            try:
                async with asyncio.timeout(self._address.connect_timeout):
                    await wire.ask("SUBSCRIBE", self._scope.names.channel)
            except (TimeoutError, *BROKEN) as error:
                raise unreachable(error, spoken(place)) from None
            self._tasks.append(asyncio.create_task(self._read(wire, place)))
        self._views = {place: await self._view(place) for place in self._wires}
        self._tasks.append(asyncio.create_task(self._beat()))

    async def end(self) -> None:
        """Stop, and hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for wire in self._wires.values():
            await wire.hang_up()

    async def _read(self, wire: Wire, place: Place) -> None:
        several = len({each for _, _, each in self._topology}) > 1
        try:
            while True:
                kind, *told = await wire.receive()
                if kind == b"message":
                    # In a cluster each message goes to all servers; the order is kept by the one that has the slot.
                    if not several or self._owner(told[1]) == place:
                        await self.news.put(told[1])
                elif kind == b"pong" and place in self._pongs:
                    self._pongs.pop(place).set_result(told[0])
        except (TypeError, ValueError, *BROKEN):
            self._fail(lost(spoken(place), wrote=False))

    def _owner(self, message: bytes) -> Place:
        tag = layout.tag_of(layout.change(message, 0).key)
        owner = self._owners.get(tag)
        if owner is None:
            slot = slot_of(tag)
            owner = next(place for first, last, place in self._topology if first <= slot <= last)
            self._owners[tag] = owner
        return owner

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        for number in itertools.count():
            due, asked_at = loop.time() + BEAT / 2, time.monotonic()
            try:
                async with asyncio.timeout(self._address.timeout):
                    await self._ping(b"%d" % number)
                    await self._look_round()
            except TimeoutError:
                self._fail(StoreUnavailable("Valkey gives a watch no sign of life; see whether it can be reached"))
                return
            except StoreUnavailable as error:
                self._fail(error)
                return
            except BROKEN:
                return  # whoever reads has said so
            await self.news.put(asked_at)
            await asyncio.sleep(due - loop.time())

    async def _ping(self, mark: bytes) -> None:
        """Wait until all that was published before now has come."""
        loop = asyncio.get_running_loop()
        self._pongs = {place: loop.create_future() for place in self._wires}
        waiting = list(self._pongs.values())
        for wire in self._wires.values():
            await wire.send([b"*2\r\n$4\r\nPING\r\n$%d\r\n%b\r\n" % (len(mark), mark)])
        await asyncio.gather(*waiting)

    async def _look_round(self) -> None:
        """Make sure that all servers are what they were."""
        if self._scope.clock.due:
            await self._scope.lane.ask(next(iter(self._wires)), ("PING",))
        for place, view in self._views.items():
            if await self._view(place) != view:
                raise StoreUnavailable("Valkey was reshaped while it was watched; load everything and watch again")

    async def _view(self, place: Place) -> Topology:
        """Who has which slots in the eyes of one server."""
        if self._address.kind == "server":
            return ()
        if self._address.kind == "cluster":
            return of_cluster(await self._scope.lane.ask(place, ("CLUSTER", "SLOTS")), place)
        role, *_ = await self._scope.lane.ask(place, ("ROLE",))
        return ((0, 0, role.decode()),)

    def _fail(self, error: Exception) -> None:
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self.news.get_nowait()
        self.news.put_nowait(error)
