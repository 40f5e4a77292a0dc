"""Many requests of a visitor and of thieves of their id, in many orders, and what holds in all of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor
from tests.fixtures.watched import WatchedStore

from sojourn import Lifetime, Session, Sessions
from sojourn.core.events import Event, IdRenewed, SessionCreated, SessionEnded
from sojourn.errors import SojournError
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]

ROUNDS = range(8)
PLAYS = {"memory": 12, "sqlite": 8, "postgres": 2, "valkey": 2}  # in a round
STEPS = 12  # requests of one tab
TABS = 3
KINDS = ["read"] * 3 + ["set"] * 4 + ["in"] * 2 + ["out", "renew", "end", "everywhere"]
QUESTIONS = ("load", "save", "touch", "moved", "end", "find", "delete")


class Person:
    """Somebody with tabs that share cookies, and the sign-ins that those came from."""

    def __init__(self, name: str, jar: dict[str, str], own: set[str]) -> None:
        self.name = name
        self.jar = jar
        self.own = own


class Play:
    """What people do, drawn by a seed."""

    def __init__(self, seed: int, applications: list[Sessions], clock: FakeClock) -> None:
        self.draw = random.Random(seed)
        self.applications = applications
        self.clock = clock
        self.people = [Person("visitor", {}, set())]
        self.sign_ins = 0
        self.issued: set[str] = set()
        self.dead: set[str] = set()
        """Ids in whose place another was told at a sign-in, sign-out or renewal; and those of which all was ended."""

    async def step(self, *_: Any) -> None:
        """At each question to the store: let others go first, now and then."""
        for _each in range(self.draw.choice((0, 0, 0, 1, 2, 5, 40))):
            await asyncio.sleep(0)

    async def tab(self, person: Person) -> None:
        for _ in range(STEPS):
            await self.request(person, self.draw.choice(KINDS))
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

    async def request(self, person: Person, kind: str) -> None:
        visitor = Visitor(self.draw.choice(self.applications))
        visitor.jar, name = person.jar, visitor.sessions.cookie.name
        came = person.jar.get(name, "")
        answer = await visitor.call(self.application(person, kind, dead=came in self.dead))
        if answer.error is not None and not isinstance(answer.error, SojournError):
            raise answer.error
        if (told := answer.cookies.get(name)) is None:
            return
        self.issued.add(told)
        if kind in ("in", "out", "renew", "everywhere") and told != came:
            self.dead.add(came)

    def application(self, person: Person, kind: str, *, dead: bool) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            self.act(scope["session"], person, kind, dead=dead)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        return app

    def act(self, session: Session, person: Person, kind: str, *, dead: bool) -> None:
        seen = session.principal
        assert seen is None or seen in person.own, f"{person.name} is taken for {seen}"
        assert {each for each in session if each != "n"} <= person.own
        assert not (dead and (session or seen)), f"{person.name} came with a dead id"
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

    async def dead_ids_reach_nothing(self) -> None:
        for sessions in self.applications[:2]:
            for each in self.issued & self.dead:
                visitor = Visitor(sessions)
                visitor.jar[sessions.cookie.name] = each
                answer = await visitor.ask(lambda session: [session.is_new, session.principal, dict(session)])
                assert (answer.value, visitor.jar) == ([True, None, {}], {sessions.cookie.name: each})


@pytest.mark.parametrize("number", ROUNDS)
async def test_nobody_is_taken_for_somebody_else_and_the_end_of_every_session_is_told(
    share: Make, place: tuple[str, str], clock: FakeClock, store: WatchedStore, number: int
) -> None:
    lifetime = Lifetime(renew=15)
    applications = [share(app, lifetime=lifetime, node=f"{app}{n}") for n in (1, 2) for app in ("shop", "blog")]
    told: list[Event] = []
    for each in applications:
        each.listen(told.append, SessionCreated, SessionEnded, IdRenewed)
    plays = PLAYS[place[0]]
    for seed in range(number * plays, (number + 1) * plays):
        play = Play(seed, applications, clock)
        for question in QUESTIONS:
            store.before[question] = store.after[question] = play.step
        visitor = play.people[0]
        await asyncio.gather(*(play.tab(visitor) for _ in range(TABS)), play.thief(), play.thief())
        store.before.clear()
        store.after.clear()
        await play.dead_ids_reach_nothing()
    for _ in range(2):
        clock.advance(hours=2)
        for each in applications:
            await each.sweep()
    created = {(each.app, each.ref) for each in told if isinstance(each, SessionCreated)}
    assert created
    assert created <= {(each.app, each.ref) for each in told if isinstance(each, SessionEnded)}
    for each in applications:
        assert await each.find() == []
