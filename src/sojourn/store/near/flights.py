"""Flights: one load for all who ask for the same at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sojourn.core.record import Record
from sojourn.store.near.entries import Place
from sojourn.store.near.pending import News

__all__ = ["Flights"]

Flight = asyncio.Task[Record | None]


class Flights:
    """The loads of one event loop. Each is a task of its own, so that who is cancelled disturbs nobody else."""

    def __init__(
        self,
        load: Callable[[Place, News], Coroutine[Any, Any, Record | None]],
        ask: Callable[[Place], News],
        answered: Callable[[Place, News], None],
        *,
        most: int,
    ) -> None:
        """`load`: asks the store. `ask`, `answered`: begin and end to gather news while it does.

        `most`: loads under way at once, when each of them keeps to `bound`.
        """
        self.bound = asyncio.Semaphore(most)
        self._load = load
        self._ask = ask
        self._answered = answered
        self._under_way: dict[Place, tuple[Flight, News]] = {}

    async def bring(self, place: Place) -> tuple[Record | None, bool]:
        """What is stored at `place`, and whether another had asked for it before.

        Nobody joins a flight about whose place something was told since it began, or may not have been told.
        """
        flight, news = self._under_way.get(place, (None, None))
        joined = flight is not None and news is not None and not (news.told or news.void)
        if flight is None or not joined:
            flight = self._depart(place)
        return await asyncio.shield(flight), joined

    async def finish(self) -> None:
        """Wait until nothing is under way."""
        while flights := [flight for flight, _ in self._under_way.values()]:
            await asyncio.wait(flights)
            await asyncio.sleep(0)  # lets them land

    def _depart(self, place: Place) -> Flight:
        news = self._ask(place)
        flight = asyncio.get_running_loop().create_task(self._load(place, news))
        self._under_way[place] = flight, news
        flight.add_done_callback(lambda flight: self._land(place, news, flight))
        return flight

    def _land(self, place: Place, news: News, flight: Flight) -> None:
        self._answered(place, news)
        if self._under_way.get(place) == (flight, news):
            del self._under_way[place]
        if not flight.cancelled():
            flight.exception()  # it is seen, also where nobody waits any more
