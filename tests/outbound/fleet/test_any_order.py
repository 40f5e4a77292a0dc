"""Nodes of a fleet whose steps come in any order, some to nothing: nobody is mixed up, and they agree in the end."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Generator
from types import NoneType
from typing import Any

import pytest
from tests.outbound.fleet.conftest import KEY, at_once

from sojourn.errors import ExchangeEnded, OutcomeUnknown, SessionLost, StoreError, StoreUnavailable
from sojourn.outbound import Backend, Limits, Logout
from sojourn.outbound.messages import Ask, Call, Do, Response, Send, Wait
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock

URL = "http://erp.example/"
USERS = ("anne", "bert")
NODES = 3


class Erp:
    """A back end: who comes with credentials gets a session, and who comes with a cookie has it, or is refused."""

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.sign_ins = 0
        self.sent: list[str] = []
        """The sessions of the last calls."""

    def answer(self, user: str, url: str, headers: dict[str, str | None]) -> Response:
        name, told = (headers.get("Cookie") or "").removeprefix("JSESSIONID="), []
        if name not in self.sessions:
            if headers.get("Authorization") is None:
                return Response.of(401, url)
            self.sign_ins += 1
            name = f"{user}{self.sign_ins}"
            self.sessions[name] = user
            told.append(("Set-Cookie", f"JSESSIONID={name}; Path=/"))
        assert self.sessions[name] == user or url.endswith("out"), "a user's call went in another's session"
        self.sent.append(name)
        if url.endswith("out"):
            del self.sessions[name]
        token = headers.get("X-CSRF-Token")
        if token == "Fetch":
            return Response.of(200, url, [*told, ("X-CSRF-Token", name)])
        if token not in (None, name):
            return Response.of(403, url, [*told, ("X-CSRF-Token", "Required")])
        return Response.of(200, url, told)


class Work:
    """What one of them does: a call, or an end. A step at a time."""

    def __init__(self, erp: Erp, user: str, url: str, steps: Generator[Any, Any, Any]) -> None:
        self.user = user
        self.error: BaseException | None = None
        self.answer: Response | None = None
        self._erp = erp
        self._url = url
        self._steps = steps
        self.step: Any = None
        self._go(lambda: next(steps))

    @property
    def ready(self) -> bool:
        return self.step is not None and (not isinstance(self.step, Wait) or self.step.future.done())

    def go_on(self) -> None:
        """It is done; the store may have something against it."""
        try:
            done = self._done()
        except StoreError as error:
            self.fail(error, done=False)
        else:
            self._go(lambda: self._steps.send(done))

    def fail(self, error: BaseException, *, done: bool) -> None:
        """`done`: it was carried out, and nobody learned of it."""
        if done and not isinstance(self.step, Wait):
            with contextlib.suppress(StoreError):
                self._done()
        self._go(lambda: self._steps.throw(error))

    def _done(self) -> Any:
        match self.step:
            case Send():
                return self._erp.answer(self.user, self._url, dict(self.step.headers))
            case Ask():
                return self._erp.answer(self.user, self.step.request.url, dict(self.step.request.headers))
            case Do():
                return at_once(self.step.work())
        return None

    def _go(self, step: Any) -> None:
        try:
            self.step = step()
        except StopIteration as stop:
            self.step, self.answer = None, stop.value
        except BaseException as error:  # noqa: BLE001 - it is what the test looks at
            self.step, self.error = None, error


class Chaos:
    """Calls, ends and failures in an order that comes of a number."""

    def __init__(self, seed: int, *, failing: float = 0.15, losing: bool = True, **settings: Any) -> None:
        self.settings = settings
        self.failing = failing
        self.losing = losing
        self.chance = random.Random(seed)
        self.clock = FakeClock()
        self.erp = Erp()
        self.store = MemoryStore(clock=self.clock)
        self.nodes = [self._node() for _ in range(NODES)]
        self.work: list[Work] = []

    def run(self, steps: int) -> None:
        acts = [
            self.call,
            self.call,
            self.step,
            self.step,
            self.step,
            self.step,
            self.lose,
            self.pass_time,
            self.forget,
        ]
        for _ in range(steps):
            self.chance.choices(acts, [4, 4, 8, 8, 8, 8, 1, 1, 1])[0]()

    def call(self) -> None:
        if len(self.work) < 10:
            user, node = self.chance.choice(USERS), self.chance.choice(self.nodes)
            replayable = self.chance.random() < 0.8 or not self.losing
            self.work.append(self._call(node, user, self.chance.choice(["GET", "POST"]), replayable=replayable))

    def forget(self) -> None:
        user, node = self.chance.choice(USERS), self.chance.choice(self.nodes)
        self.work.append(Work(self.erp, user, URL, node.forgetting(user)))

    def lose(self) -> None:
        """The back end forgets a session, and another one's has to be renewed."""
        if self.losing and self.erp.sessions:
            del self.erp.sessions[self.chance.choice(sorted(self.erp.sessions))]

    def pass_time(self) -> None:
        self.clock.advance(seconds=self.chance.choice([1.0, 10.0, 200.0]))

    def step(self) -> bool:
        self.work = [each for each in self.work if each.step is not None]
        ready = [each for each in self.work if each.ready]
        if not ready:
            return False
        one = self.chance.choice(ready)
        if self.chance.random() >= self.failing:
            one.go_on()
        else:
            lost = isinstance(one.step, Do) and self.chance.random() < 0.5
            failures = [StoreUnavailable("away"), OutcomeUnknown("lost")] if lost else [ConnectionError()]
            one.fail(self.chance.choice([*failures, asyncio.CancelledError()]), done=self.chance.random() < 0.5)
        assert not isinstance(one.error, AssertionError), one.error
        return True

    def finish(self) -> None:
        while self.step():
            pass
        assert not self.work, "they wait for each other"

    def end(self) -> None:
        """All nodes stop, and all goes well."""
        for node in self.nodes:
            self.work.append(Work(self.erp, "", URL, node._ending()))
        self.failing = 0.0
        self.finish()

    def quiet(self) -> None:
        """One call of each user on each node, and all goes well."""
        for user in USERS:
            for node in self.nodes:
                one = self._call(node, user)
                while one.step is not None:
                    assert one.ready
                    one.go_on()
                assert one.error is None
                assert one.answer is not None
                assert one.answer.status == 200

    def _node(self) -> Backend:
        settings: dict[str, Any] = {"reuse": "user", "closing": Logout("out"), **self.settings}
        return Backend(URL, store=self.store, key=KEY, clock=self.clock, **settings)

    def _call(self, node: Backend, user: str, method: str = "GET", *, replayable: bool = True) -> Work:
        exchange = node.exchange(user=user, auth=(user, "secret"))
        call = Call(method=method, url=URL + "rows", fields=lambda _: [], replayable=replayable)
        return Work(self.erp, user, URL + "rows", exchange.steps(call))


def in_agreement(chaos: Chaos) -> None:
    """Whatever happened, the nodes are in the same sessions when nothing has happened for a while."""
    for _ in range(4):  # doubts are over after a minute, and what others did is learned when the time of use is stored
        chaos.clock.advance(seconds=200.0)
        chaos.quiet()
    chaos.erp.sent.clear()
    chaos.quiet()
    assert len(set(chaos.erp.sent)) == len(USERS)


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_nobody_is_mixed_up_and_all_nodes_agree_in_the_end(start: int) -> None:
    for seed in range(start, start + 100):
        chaos = Chaos(seed)
        chaos.run(200)
        chaos.finish()
        in_agreement(chaos)


def test_where_nothing_fails_no_session_is_left_behind() -> None:
    for seed in range(100):
        chaos = Chaos(seed, failing=0.0, losing=False)
        chaos.run(200)
        chaos.finish()
        in_agreement(chaos)
        assert set(chaos.erp.sessions) == set(chaos.erp.sent), seed


def test_a_call_fails_by_what_happened_to_it_alone() -> None:
    for seed in range(100):
        chaos = Chaos(seed)
        for _ in range(20):
            chaos.run(10)
            for each in chaos.work:
                assert isinstance(
                    each.error,
                    (NoneType, ConnectionError, asyncio.CancelledError, ExchangeEnded, SessionLost, StoreError),
                )


@pytest.mark.parametrize("settings", [{}, {"csrf": True}, {"sequential": True}], ids=str)
def test_no_room_is_lost_and_nobody_waits_for_ever(settings: dict[str, Any]) -> None:
    for seed in range(100):
        chaos = Chaos(seed, limits=Limits(sessions=2, calls=3), **settings)
        chaos.run(200)
        chaos.finish()
        chaos.end()
        for node in chaos.nodes:
            assert node.rules.room is not None
            assert node.rules.gate is not None
            assert (node.rules.room._room, node.rules.gate._room) == (2, 3), (seed, settings)
