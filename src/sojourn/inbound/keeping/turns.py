"""Turns: the commits of one session on this node, one after the other."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from sojourn.core.record import Record

__all__ = ["Turn", "Turns"]

_Place = tuple[asyncio.AbstractEventLoop, str]


class Turns:
    """Hands out turns by the ref of a session, in the order in which they are asked for."""

    def __init__(self) -> None:
        """Nobody has a turn."""
        self._turns: dict[_Place, Turn] = {}

    def take(self, ref: str) -> Turn:
        """The turn to be entered: waits until it comes, and is held while the context lasts."""
        place = (asyncio.get_running_loop(), ref)
        turn = self._turns.get(place)
        if turn is None:
            turn = self._turns[place] = Turn(self._turns, place)
        return turn


class Turn:
    """The right to commit. Knows what the one before has stored, so that the next need not collide with it to learn."""

    __slots__ = ("_lock", "_place", "_turns", "_wanted", "newest")

    def __init__(self, turns: dict[_Place, Turn], place: _Place) -> None:
        """`turns`: where it is kept, at `place`, for as long as somebody wants it."""
        self._turns = turns
        self._place = place
        self._lock = asyncio.Lock()
        self._wanted = 0
        self.newest: Record | None = None

    async def __aenter__(self) -> Self:
        self._wanted += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        self._leave()

    def _leave(self) -> None:
        self._wanted -= 1
        if not self._wanted:
            del self._turns[self._place]
