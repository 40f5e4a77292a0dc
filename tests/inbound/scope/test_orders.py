"""Many requests of a visitor and of thieves of their id, in many orders, and what holds in all of them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor
from tests.fixtures.watched import WatchedStore

from sojourn import Lifetime, Session, Sessions
from sojourn.core.events import Event, IdRenewed, SessionCreated, SessionEnded
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]

SEEDS = range(60)
STEPS = 12  # requests of one tab
TABS = 3


class Person:
    """Somebody with tabs that share cookies, and the sign-ins that those came from."""

    def __init__(self, name: str, jar: dict[str, str], own: set[str]) -> None:
        self.name = name
        self.jar = jar
        self.own = own

    def visitor(self, sessions: Sessions) -> Visitor:
        visitor = Visitor(sessions)
        visitor.jar = self.jar
        return visitor


class Play:
    """What people do, drawn by a seed."""

    def __init__(self, seed: int, applications: list[Sessions], clock: FakeClock) -> None:
        self.draw = random.Random(seed)
        self.applications = applications
        self.clock = clock
        self.people = [Person("visitor", {}, set())]
        self.sign_ins = 0

    async def step(self, *_: Any) -> None:
        """At each question to the store: let others go first, now and then."""
        for _each in range(self.draw.choice((0, 0, 1, 2, 5))):
            await asyncio.sleep(0)

    async def tab(self, person: Person) -> None:
        for _ in range(STEPS):
            await person.visitor(self.draw.choice(self.applications)).ask(self.action(person))
            if self.draw.random() < 0.05:
                self.clock.advance(seconds=self.draw.choice((1, 10)))  # no request takes a minute
            await self.step()

    async def thief(self) -> None:
        """Steals the cookies of somebody at some time, and goes on with those."""
        for _ in range(self.draw.randrange(80)):
            await asyncio.sleep(0)
        victim = self.draw.choice(self.people)
        person = Person(f"thief {len(self.people)}", dict(victim.jar), set(victim.own))
        self.people.append(person)
        await asyncio.gather(self.tab(person), self.tab(person))

    def action(self, person: Person) -> Callable[[Session], None]:
        kind = self.draw.choice(["read"] * 3 + ["set"] * 4 + ["in"] * 2 + ["out", "renew", "end", "everywhere"])

        def act(session: Session) -> None:
            seen = session.principal
            assert seen is None or seen in person.own, f"{person.name} is taken for {seen}"
            assert {each for each in session if each != "n"} <= person.own | {"n"}
            if kind == "set":
                session["n"] = session.get("n", 0) + 1
            elif kind == "in":
                self.sign_ins += 1
                name = f"{person.name} {self.sign_ins}"
                person.own.add(name)
                session.principal = name
                session[name] = 1
            elif kind == "out":
                session.principal = None
            elif kind == "renew":
                session.renew()
            elif kind in ("end", "everywhere"):
                session.end(everywhere=kind == "everywhere")

        return act


@pytest.mark.parametrize("seed", SEEDS)
async def test_nobody_is_taken_for_somebody_else_and_the_end_of_every_session_is_told(
    share: Make, local: None, clock: FakeClock, store: WatchedStore, seed: int
) -> None:
    lifetime = Lifetime(renew=15)
    applications = [share(app, lifetime=lifetime, node=f"{app}{n}") for app in ("shop", "blog") for n in (1, 2)]
    told: list[Event] = []
    for each in applications:
        each.listen(told.append, SessionCreated, SessionEnded, IdRenewed)
    play = Play(seed, applications, clock)
    for question in ("load", "save", "moved", "end", "find", "delete"):
        store.before[question] = store.after[question] = play.step
    visitor = play.people[0]
    await asyncio.gather(*(play.tab(visitor) for _ in range(TABS)), play.thief(), play.thief())
    store.before.clear()
    store.after.clear()
    for _ in range(2):
        clock.advance(hours=2)
        for each in applications:
            await each.sweep()
    created = Counter((each.app, each.ref) for each in told if isinstance(each, SessionCreated))
    ended = Counter((each.app, each.ref) for each in told if isinstance(each, SessionEnded))  # again: same event id
    assert max(created.values()) == 1
    assert created - ended == Counter()
