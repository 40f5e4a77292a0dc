"""Gathering: what is asked in one turn of the event loop goes to the store together, and ends with that loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

__all__ = ["Gathering", "closed_with_loop"]

Q = TypeVar("Q")
A = TypeVar("A")

BATCH = 200  # questions of one batch: more gain nothing and let others wait


class Gathering(Generic[Q, A]):
    """Asks many questions in one round trip, for one event loop.

    While a batch is on its way the next one gathers, so the batches grow with the load and nobody waits for a timer.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]],
        *,
        place: Callable[[Q], Hashable] | None = None,
        flights: int = 1,
    ) -> None:
        """`ask`: answers a batch, each question with a result or an error, in their order.

        When it raises, all of the batch fail with that. `place`: questions of one place never share a batch, nor are
        they under way at once: they are asked in the order in which they came. `flights`: batches that may be under way
        at once.
        """
        self._ask = ask
        self._place = place
        self._flights = flights
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._taken: set[Hashable] = set()
        self._due = False
        self.asked = 0
        self.trips = 0

    async def __call__(self, question: Q) -> A:
        """The answer. Who is cancelled while waiting is left out; what is under way happens all the same."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        self._waiting.append((question, answer))
        if not self._due and len(self._flying) < self._flights:
            self._due = True
            loop.call_soon(self._depart)
        return await answer

    async def finish(self) -> None:
        """Wait until nothing is asked any more."""
        while self._due or self._flying:
            await asyncio.wait(self._flying) if self._flying else await asyncio.sleep(0)

    def _depart(self) -> None:
        self._due = False
        while self._waiting and len(self._flying) < self._flights:
            batch, places = self._board()
            if not batch:
                return
            self.asked += len(batch)
            self.trips += 1
            flight = asyncio.get_running_loop().create_task(self._fly(batch, places))
            self._flying.add(flight)

    def _board(self) -> tuple[list[tuple[Q, asyncio.Future[A]]], set[Hashable]]:
        """Those who may go now. Whoever has to wait for a place keeps the order of those behind."""
        batch: list[tuple[Q, asyncio.Future[A]]] = []
        left: list[tuple[Q, asyncio.Future[A]]] = []
        places: set[Hashable] = set()
        held: set[Hashable] = set()
        for waiting in self._waiting:
            question, answer = waiting
            if answer.done():
                continue
            place = None if self._place is None else self._place(question)
            taken = place is not None and (place in self._taken or place in places or place in held)
            if taken or len(batch) == BATCH:
                left.append(waiting)
                held.add(place)
            else:
                batch.append(waiting)
                places.add(place)
        self._waiting = left
        places.discard(None)
        self._taken |= places
        return batch, places

    async def _fly(self, batch: Sequence[tuple[Q, asyncio.Future[A]]], places: set[Hashable]) -> None:
        try:
            answers = await self._ask([question for question, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._taken -= places
            self._flying.remove(asyncio.current_task())  # type: ignore[arg-type]
            self._depart()


def closed_with_loop(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    """Await `close` when the running event loop shuts its generators down, as `asyncio.run` does before it closes it.

    For connections, which nobody can close any more when their loop is closed. It has to be kept until then; its
    `aclose` closes early, and once.
    """
    closing = _closing(close)
    with contextlib.suppress(StopIteration):  # it has begun, and the loop knows of it
        closing.__anext__().send(None)
    return closing


async def _closing(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await close()
