"""Many requests of one visitor, in orders that a seed decides, over a store that loses answers.

What they were told holds in the end. The name of a test that fails is its seed and its stack: it fails again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Answer, Visitor, sets
from tests.fixtures.watched import WatchedStore

from sojourn import Near, Session, Sessions
from sojourn.core import codec
from sojourn.errors import OutcomeUnknown, SessionError, StoreError, StoreUnavailable
from sojourn.store.base import Query
from sojourn.store.behind import Behind, BehindStore
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock

WRITES = frozenset({"save", "touch", "delete", "hold", "release"})
STACKS: dict[str, dict[str, Any]] = {
    "plain": {"near": None},
    "near": {"near": Near()},
    "behind": {"near": None, "save": "async", "write": Behind(interval=0.001)},  # one node: it is the only door
}


class WildStore(WatchedStore):
    """A store that takes its time with each question, and does not always answer."""

    def __init__(self, store: MemoryStore, chance: random.Random) -> None:
        super().__init__(store)
        self.chance = chance
        self.losses = 0.0
        """The share of questions, and of answers, that are lost."""

    async def _do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        await self._way(name)
        answer = await super()._do(name, *args, **kwargs)
        await self._way(name)
        return answer

    async def _way(self, name: str) -> None:
        await pauses(self.chance)
        if self.chance.random() < self.losses:
            raise OutcomeUnknown("lost; load it") if name in WRITES else StoreUnavailable("lost; ask again")


async def pauses(chance: random.Random) -> None:
    for _ in range(chance.choice((0, 0, 1, 2, 5))):
        await asyncio.sleep(0)


class Requests:
    """Requests of one visitor to any node, and what they were told."""

    def __init__(self, visitor: Visitor, nodes: list[Sessions], chance: random.Random) -> None:
        self.visitor = visitor
        self.nodes = nodes
        self.chance = chance
        self.stored: set[str] = set()
        self.counted = 0
        self.in_doubt = 0
        self.ended = self.asked_to_end = False

    async def set(self, number: int) -> None:
        if await self._told(sets(**{f"k{number}": number})):
            self.stored.add(f"k{number}")

    async def increment(self, _number: int) -> None:
        async def act(session: Session) -> None:
            async with session.exclusive():
                n = session["n"]
                await pauses(self.chance)
                session["n"] = n + 1

        self.in_doubt += 1
        if await self._told(act):
            self.in_doubt -= 1
            self.counted += 1

    async def read(self, _number: int) -> None:
        await self._told(dict)

    async def end(self, _number: int) -> None:
        self.asked_to_end = True
        if await self._told(Session.end):
            self.ended = True

    async def _told(self, action: Callable[[Session], Any]) -> bool:
        """Whether a request that found the session was told that it was done."""
        found = False

        async def act(session: Session) -> None:
            nonlocal found
            found = not session.is_new
            result = action(session)
            if asyncio.iscoroutine(result):
                await result

        try:
            answer: Answer = await self.visitor.twin(self.chance.choice(self.nodes)).ask(act)
        except (SessionError, StoreError, KeyError):
            return False
        return found and answer.status == 200


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("seed", range(25))
async def test_what_was_told_to_be_stored_is_and_what_was_told_to_have_ended_has(
    seed: int, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sojourn.inbound.doubt.PAUSES", (0,) * 7)
    chance, clock = random.Random(f"{stack}{seed}"), FakeClock()
    memory = MemoryStore(clock=clock)
    stores = [WildStore(memory, chance) for _ in range(1 if stack == "behind" else 2)]
    nodes = [Sessions(store, clock=clock, **STACKS[stack]) for store in stores]
    visitor = Visitor(nodes[0])
    await visitor.ask(sets(n=0))
    for store in stores:
        store.losses = chance.choice((0, 0.05, 0.15))
    requests = Requests(visitor, nodes, chance)
    ways = [requests.set, requests.set, requests.increment, requests.increment, requests.read]
    ways += [requests.end] * (seed % 2)
    under_way: list[asyncio.Task[None]] = []
    for number in range(20):
        under_way.append(asyncio.create_task(chance.choice(ways)(number)))
        await pauses(chance)
        if chance.random() < 0.15:
            chance.choice(under_way).cancel()
    for outcome in await asyncio.gather(*under_way, return_exceptions=True):
        assert outcome is None or isinstance(outcome, asyncio.CancelledError)
    for store in stores:
        store.losses = 0.0
    for node in nodes:
        await node.close()
    await _check(requests, memory)
    assert not [node.active for node in nodes if node.active]
    assert not [node for node in nodes if isinstance(node.store, BehindStore) and node.store.depth]


async def _check(requests: Requests, memory: MemoryStore) -> None:
    stored = await memory.find(Query())
    if requests.ended:
        assert "n" not in {name for record in stored for name in codec.read(record.data)}
    if not requests.asked_to_end:
        [attributes] = [codec.read(record.data) for record in stored]
        assert requests.stored <= set(attributes)
        assert requests.counted <= codec.unpack(attributes["n"]) <= requests.counted + requests.in_doubt
