"""Faults: what is planned to go wrong, and the requests that are held."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from sojourn.testing.backend.fault import Fault
from sojourn.testing.backend.server.messages import Request

__all__ = ["Faults", "Moment"]

Moment = Literal["arrival", "admitted", "processed"]


@dataclass
class _Planned:
    fault: Fault
    met: int = 0

    def strikes(self, request: Request, moment: Moment) -> bool:
        fault = self.fault
        matches = fault.method in (None, request.method) and request.path.startswith(fault.path or "")
        if not matches or moment != fault.at:
            return False
        self.met += 1
        return self.met >= fault.nth

    @property
    def is_over(self) -> bool:
        return self.fault.times is not None and self.met >= self.fault.nth + self.fault.times - 1


class Faults:
    """Strikes each planned fault at its request, and forgets it when it has struck as often as it should."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._released = asyncio.Event()
        self._news = asyncio.Condition()
        self._held = 0

    def plan(self, fault: Fault) -> None:
        """Have it strike from now on."""
        self._planned.append(_Planned(fault))

    def striking(self, request: Request, moment: Moment) -> list[Fault]:
        """What goes wrong with a request at this moment."""
        if not self._planned:
            return []
        struck = [each.fault for each in self._planned if each.strikes(request, moment)]
        self._planned = [each for each in self._planned if not each.is_over]
        return struck

    async def hold(self) -> None:
        """Wait for the release of what is held."""
        released = self._released
        async with self._news:
            self._held += 1
            self._news.notify_all()
        await released.wait()
        async with self._news:
            self._held -= 1

    async def held(self, number: int, patience: float) -> bool:
        """Wait until so many are held; False when they were not within `patience` seconds."""
        try:
            async with asyncio.timeout(patience), self._news:
                await self._news.wait_for(lambda: self._held >= number)
        except TimeoutError:
            return False
        return True

    def release(self) -> None:
        """Let go on what is held, and hold nothing any more."""
        self._released.set()
        self._released = asyncio.Event()
        self._planned = [each for each in self._planned if each.fault.do != "hold"]

    def clear(self) -> None:
        """Have nothing go wrong any more."""
        self.release()
        self._planned.clear()
