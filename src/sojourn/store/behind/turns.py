"""Turns: writes of one session, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

__all__ = ["Turns"]


class Turns:
    """One turn at a time for each place, in the order in which they are asked for."""

    def __init__(self) -> None:
        """Nobody has a turn."""
        self._turns: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def take(self, place: Hashable) -> AsyncIterator[None]:
        """Wait for the turn at `place`, and have it for as long as the context lasts."""
        lock, wanted = self._turns.get(place) or (asyncio.Lock(), 0)
        self._turns[place] = (lock, wanted + 1)
        try:
            async with lock:
                yield
        finally:
            lock, wanted = self._turns.pop(place)
            if wanted > 1:
                self._turns[place] = (lock, wanted - 1)
