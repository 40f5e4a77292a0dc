"""Lane: all servers of a store, for one event loop of one process."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakValueDictionary

from sojourn.errors import StoreBusy, StoreReadOnly, StoreUnavailable
from sojourn.store.base import Traffic
from sojourn.store.gathering import Gathering
from sojourn.store.valkey.client.address import Address, Place
from sojourn.store.valkey.client.clock import ServerClock
from sojourn.store.valkey.client.line import Command, Line, Unreached
from sojourn.store.valkey.client.refusals import Ask, Moved, TryAgain
from sojourn.store.valkey.client.topology import Topology, learn
from sojourn.store.valkey.client.wire import slot_of

__all__ = ["Lane"]

TRIES = 6  # ways round a cluster that is being reshaped
NAP = 0.02  # seconds, longer with each try


class Lane:
    """Finds the server for each command, and finds it anew when a cluster was reshaped or a primary has changed."""

    def __init__(self, address: Address, clock: ServerClock, warned: set[str]) -> None:
        """`clock`: is told the time. `warned`: what was already said about these servers."""
        self._address = address
        self._clock = clock
        self._warned = warned
        self._lines: dict[Place, Line] = {}
        self._topology: Topology = ()
        self._starts: list[int] = []
        self._learning = asyncio.Lock()
        self._only: Line | None = None
        self._working = 0
        self._quiet = asyncio.Event()
        self.gatherings: WeakValueDictionary[str, Gathering[Any, Any]] = WeakValueDictionary()
        """What is gathered for something else than a server, by what it is about."""

    async def do(self, command: Command) -> Any:
        """The answer to `command`."""
        if self._only is not None and self._address.kind == "server":
            return await self._only.ask(command)
        return await self._around(command)

    async def all(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to `commands`, which need no order among them."""
        return await asyncio.gather(*map(self.do, commands))

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """More than one question that belong together: the lane is not closed between them."""
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self._quiet.set()

    async def servers(self) -> Topology:
        """Who has which slots, as far as is known."""
        if not self._topology:
            await self._learn(self._topology)
        return self._topology

    async def ask(self, place: Place, parts: tuple[Any, ...]) -> Any:
        """The answer of one server."""
        return await self._line(place).ask(Command("", parts))

    async def ready(self) -> None:
        """Connect to every server that has slots. Raises `StoreUnavailable`."""
        topology = await self.servers()
        await asyncio.gather(*(self.ask(place, ("PING",)) for place in {place for _, _, place in topology}))

    @property
    def traffic(self) -> Traffic:
        """What was asked here."""
        asked = [line.ask for line in list(self._lines.values())]
        return Traffic(operations=sum(each.asked for each in asked), round_trips=sum(each.trips for each in asked))

    async def close(self) -> None:
        """Wait for what was asked, then hang up."""
        while self._working:
            self._quiet.clear()
            await self._quiet.wait()
        lines, self._lines = self._lines, {}
        self._topology, self._only = (), None
        for line in lines.values():
            await line.close()

    async def _around(self, command: Command) -> Any:
        sent_to: Place | None = None  # by a server whose slot is on its way there, for this once
        for tried in range(TRIES):
            known = await self.servers()
            line = self._line(sent_to or self._place(command.tag))
            try:
                return await line.ask(command._replace(asking=sent_to is not None))
            except Ask as sent:
                sent_to = (sent.place[0] or line.place[0], sent.place[1])
                continue
            except (Moved, TryAgain, Unreached, StoreReadOnly) as error:
                # Nothing has happened there. Perhaps another has the slot by now, or is the primary.
                self._give_up(error, tried)
            sent_to = None
            await asyncio.sleep(NAP * tried)
            await self._learn(known)
        raise StoreBusy("the cluster is being reshaped all the time; try again")

    def _give_up(self, error: StoreUnavailable, tried: int) -> None:
        for_good = isinstance(error, Unreached | StoreReadOnly) and (tried > 0 or self._address.kind == "server")
        if for_good or tried == TRIES - 1:
            raise error

    def _place(self, tag: str) -> Place:
        if self._address.kind != "cluster":
            return self._topology[0][2]
        slot = slot_of(tag)
        found = bisect.bisect_right(self._starts, slot) - 1
        if found < 0 or self._topology[found][1] < slot:
            raise StoreUnavailable("a slot of the cluster has no server; see CLUSTER INFO")
        return self._topology[found][2]

    async def _learn(self, known: Topology) -> None:
        """Find out who has which slots, unless another has done so since `known`."""
        async with self._learning:
            if self._topology is not known:
                return
            places = [place for _, _, place in known]
            self._topology = await learn(self._address, places, self.ask)
            self._starts = [first for first, _, _ in self._topology]
            self._only = self._line(self._topology[0][2])

    def _line(self, place: Place) -> Line:
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = Line(self._address, place, self._clock, self._warned)
        return line
