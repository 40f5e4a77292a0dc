"""Whatever comes in whatever order: nobody waits for ever, and no room is lost or given twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator
from typing import Any

import pytest
from tests.outbound.negotiation.played import Played, backend

from sojourn.outbound import Backend, Exchange, Limits, Logout, Response
from sojourn.outbound.messages import Wait

SESSIONS, CALLS = 2, 3
USERS = ["Basic YTphYQ==", "Basic YjpiYg==", "Basic Yzpjqw==", ""]


class Endings:
    """What is to be done at an end, played as calls are."""

    def __init__(self, steps: Generator[Any, Any, None]) -> None:
        self._steps = steps
        self.step: Any = None
        self.go(lambda: next(steps))

    def go(self, step: Any) -> None:
        try:
            self.step = step()
        except (StopIteration, asyncio.CancelledError):
            self.step = None

    def answer(self, chance: random.Random) -> None:
        if chance.random() < 0.3:
            self.go(lambda: self._steps.throw(chance.choice([ConnectionError(), asyncio.CancelledError()])))
        else:
            status, *headers = _said(chance)
            self.go(lambda: self._steps.send(Response.of(status, "http://erp.example/out", headers)))


class Chaos:
    """Calls, ends and answers in an order that comes of a number."""

    def __init__(self, seed: int, **settings: Any) -> None:
        self.chance = random.Random(seed)
        self.erp: Backend = backend(limits=Limits(sessions=SESSIONS, calls=CALLS), closing=Logout("out"), **settings)
        self.exchanges: list[Exchange] = []
        self.open: list[Exchange] = []
        self.calls: list[Played] = []
        self.endings: list[Endings] = []

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.chance.choice([self.begin, self.call, self.call, self.go_on, self.go_on, self.go_on, self.end])()

    def finish(self) -> None:
        """Let all go on that can, and end what is open when nobody can."""
        while self.go_on() or self.open:
            if not self.ready():
                self.end()
        assert not self.calls, "they wait for each other"
        self._ending(self.erp._ending())
        while self.go_on():
            pass

    def begin(self) -> None:
        exchange = self.erp.exchange(user=self.chance.choice("xyz") if self.erp.reuse == "user" else None)
        if self.exchanges and self.chance.random() < 0.2:
            exchange = self.chance.choice(self.exchanges).copy()
        exchange.open()
        self.exchanges.append(exchange)
        self.open.append(exchange)

    def call(self) -> None:
        if len(self.calls) > 12 or not self.exchanges:
            return
        headers = {"Authorization": user} if (user := self.chance.choice(USERS)) else {}
        call = Played(
            self.chance.choice(self.exchanges),
            self.chance.choice(["GET", "POST"]),
            self.chance.choice(["rows", "admin"]),
            replayable=self.chance.random() < 0.8,
            headers=headers,
        )
        self.calls.append(call)

    def end(self) -> None:
        if self.open:
            self._ending(self.open.pop(self.chance.randrange(len(self.open))).closing())
        elif self.chance.random() < 0.1:
            self._ending(self.erp._ending())

    def ready(self) -> list[Any]:
        """Those who can take a step."""
        self.calls = [call for call in self.calls if call.step is not None]
        self.endings = [ending for ending in self.endings if ending.step is not None]
        return [*self.endings, *(call for call in self.calls if not call.waits)]

    def go_on(self) -> bool:
        """Let somebody take a step, if anybody can."""
        ready = self.ready()
        if not ready:
            return False
        one = self.chance.choice(ready)
        if isinstance(one, Endings):
            one.answer(self.chance)
        elif self.chance.random() < 0.15:
            one.fail(self.chance.choice([ConnectionError(), asyncio.CancelledError(), GeneratorExit()]))
        elif isinstance(one.step, Wait):
            one.go_on()
        else:
            one.answer(*_said(self.chance))
        return True

    def _ending(self, steps: Generator[Any, Any, None]) -> None:
        self.endings.append(Endings(steps))


def _said(chance: random.Random) -> tuple[Any, ...]:
    headers = []
    if chance.random() < 0.6:
        headers.append(("Set-Cookie", f"JSESSIONID={chance.random()}; Path=/"))
    if chance.random() < 0.5:
        headers.append(("X-CSRF-Token", chance.choice(["t1", "t2", "Required"])))
    return chance.choice([200, 200, 200, 200, 401, 401, 403, 503]), *headers


@pytest.mark.parametrize("reuse", ["none", "exchange", "flow", "user"])
@pytest.mark.parametrize("settings", [{}, {"csrf": True}, {"sequential": True}])
def test_no_room_is_lost_and_nobody_waits_for_ever(reuse: str, settings: dict[str, Any]) -> None:
    for seed in range(100):
        chaos = Chaos(seed, reuse=reuse, **settings)
        chaos.run(120)
        chaos.finish()
        rules = chaos.erp.rules
        assert rules.room is not None
        assert rules.gate is not None
        assert (rules.room._room, rules.gate._room) == (SESSIONS, CALLS), (seed, reuse, settings)
