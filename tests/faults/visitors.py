"""Visitors: clients that go from node to node in turn and write down what they asked and what they were told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Sequence
from typing import Any

from tests.faults.history import ANSWERED, CUT, REFUSED, TOKENS, Bounds, Entry, Op
from tests.fixtures.wire import Reply, Wire

PATIENCE = 10.0  # seconds after which a visitor gives a request up
RETRY = 0.1  # seconds before something is tried again that has to succeed
TRIES = 200


class Crowd:
    """All visitors of a run, their history, and the nodes that they visit."""

    def __init__(self, ports: Sequence[int], bounds: Bounds, seed: int, *, pause: float) -> None:
        """`pause`: seconds between two requests of one client, in the mean."""
        self.ports = ports
        self.bounds = bounds
        self.entries: list[Entry] = []
        self.stopping = asyncio.Event()
        self._seed = seed
        self._pause = pause
        self._visitors: list[Walker | Pair | Guest] = []
        self._ghosts: set[asyncio.Task[None]] = set()

    def add(self, kind: type[Walker | Pair | Guest], number: int) -> None:
        for _ in range(number):
            self._visitors.append(kind(self, len(self._visitors) + 1))

    def chance(self, visitor: int) -> random.Random:
        return random.Random(f"{self._seed}/{visitor}")

    async def visit(self) -> None:
        """Until `stopping` is set."""
        async with asyncio.TaskGroup() as group:
            for visitor in self._visitors:
                group.create_task(visitor.run())
        await asyncio.gather(*self._ghosts)

    async def look_back(self) -> None:
        """Everybody looks at what is left of the session that he has."""
        async with asyncio.TaskGroup() as group:
            for visitor in self._visitors:
                group.create_task(visitor.client.look_back())
        for visitor in self._visitors:
            visitor.client.leave()

    async def rest(self, chance: random.Random) -> None:
        await self.wait(chance.uniform(0, 2 * self._pause))

    async def wait(self, seconds: float) -> None:
        """That long, unless the run is over before."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            pass

    def haunt(self, client: Client, chance: random.Random) -> None:
        """Let the id that a client had come back, now and later."""
        task = asyncio.ensure_future(self._haunt(client, chance))
        self._ghosts.add(task)
        task.add_done_callback(self._ghosts.discard)

    async def _haunt(self, ghost: Client, chance: random.Random) -> None:
        for pause in (0.0, chance.uniform(0, 0.2), chance.uniform(0, self.bounds.watch), self.bounds.watch):
            await asyncio.sleep(pause)
            for _ in self.ports:
                await ghost.ask("ghost")
        ghost.leave()


class Client:
    """One cookie jar, with a connection to each node. Its requests come one after another."""

    def __init__(self, crowd: Crowd, visitor: int, name: str, app: str) -> None:
        self.session = ""
        self.jar: dict[str, str] = {}
        self.stays: int | None = None
        """The node that it goes to each time; None for each in turn."""
        self._crowd = crowd
        self._visitor = visitor
        self._name = name
        self._app = app
        self._cookie = f"__Host-{app}"
        self._turn = visitor
        self._wires = [Wire(port) for port in crowd.ports]
        for wire in self._wires:
            wire.jar = self.jar

    def copy(self, name: str) -> Client:
        """Somebody with the same cookies."""
        twin = Client(self._crowd, self._visitor, name, self._app)
        twin.session = self.session
        twin.jar.update(self.jar)
        twin.stays = self.stays
        twin._turn = self._turn + 1
        return twin

    def forget(self) -> None:
        """Be a visitor without a session."""
        self.session = ""
        self.jar.clear()

    def leave(self) -> None:
        for wire in self._wires:
            wire.hang_up()

    async def ask(self, op: Op, *, token: int = 0) -> Entry:
        """One request to the node whose turn it is; what came of it."""
        self._turn = (self._turn + 1) % len(self._wires)
        node = self._turn if self.stays is None else self.stays
        known: dict[str, Any] = {
            "visitor": self._visitor,
            "client": self._name,
            "app": self._app,
            "op": op,
            "node": node,
            "session": self.session,
            "given": self._id,
            "told": int(self.jar.get(f"{self._cookie}-v", -1)),
            "token": token,
        }
        sent_at = time.monotonic()
        status, told = await self._send(node, op, token)
        got_at = time.monotonic()
        entry = Entry(**known, **told, left_with=self._id, sent_at=sent_at, got_at=got_at, status=status)
        self._crowd.entries.append(entry)
        if op == "write" and entry.answered and not entry.version and self._cookie in self.jar:
            self.session = entry.ref
        return entry

    @property
    def _id(self) -> str:
        """The id that it has, hashed; "" for none."""
        given = self.jar.get(self._cookie)
        return hashlib.sha256(given.encode()).hexdigest()[:12] if given is not None else ""

    async def surely(self, op: Op) -> Entry:
        """The same until it is answered."""
        for _ in range(TRIES):
            entry = await self.ask(op)
            if entry.answered:
                break
            await asyncio.sleep(RETRY)
        return entry

    async def look_back(self) -> None:
        """See at each node what is stored."""
        if not self.session or self._app != "long":
            return
        for _ in self._wires:
            self.jar.pop(f"{self._cookie}-v", None)
            await self.surely("final")

    async def _send(self, node: int, op: Op, token: int) -> tuple[int, dict[str, Any]]:
        deed = op if op in ("write", "sign-in", "end") else "read"
        target = f"{'/short' if self._app == 'short' else ''}/{deed}?visitor={self._visitor}&token={token}"
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await self._wires[node].ask(f"{target}&principal=v{self._visitor}")
        except ConnectionRefusedError:
            return REFUSED, {}
        except (OSError, TimeoutError):
            return CUT, {}
        return reply.status, _told(reply) if reply.status == ANSWERED else {}


def _told(reply: Reply) -> dict[str, Any]:
    told = json.loads(reply.body)
    return {**told, "tokens": frozenset(told["tokens"])}


class _Visitor:
    """Somebody with a client and tokens of his own."""

    app = "long"

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.client = Client(crowd, number, f"{number}", self.app)
        self.crowd = crowd
        self.chance = crowd.chance(number)
        self._number = number
        self._tokens = 0

    async def run(self) -> None:
        while not self.crowd.stopping.is_set():
            await self.crowd.rest(self.chance)
            if self.client.session:
                await self.go_on()
            else:
                await self.write(self.client)

    async def go_on(self) -> None:
        """The next thing to do with the session that he has."""
        raise NotImplementedError

    async def write(self, client: Client) -> Entry:
        self._tokens += 1
        return await client.ask("write", token=self._number * TOKENS + self._tokens)

    async def write_or_read(self, client: Client) -> Entry:
        return await (self.write(client) if self.chance.random() < 0.5 else client.ask("read"))

    async def end(self) -> None:
        """End the session for sure, and let its id come back."""
        ghost = self.client.copy(f"{self._number}/ghost")
        await self.client.surely("end")
        self.client.forget()
        self.crowd.haunt(ghost, self.chance)


class Walker(_Visitor):
    """Does one thing after another: writes, reads, signs in, signs out."""

    async def go_on(self) -> None:
        chance = self.chance.random()
        if chance < 0.03:
            await self.end()
        elif chance < 0.07:
            await self._sign_in()
        else:
            entry = await self.write_or_read(self.client)
            if entry.answered and not entry.version:
                self.client.forget()  # lost: the checker will say so

    async def _sign_in(self) -> None:
        ghost = self.client.copy(f"{self._number}/ghost")
        if (entry := await self.client.ask("sign-in")).answered:
            self.crowd.haunt(ghost, self.chance)
        elif entry.unknown:
            self.client.forget()  # whether the id that he has is still good, he cannot know


class Pair(_Visitor):
    """Has three clients with the same session that act in parallel, each with cookies of its own.

    Half of them go from node to node; of the others two write at one node, and one looks on at the other.
    """

    async def go_on(self) -> None:
        clients = [self.client, self.client.copy(f"{self._number}/2"), self.client.copy(f"{self._number}/3")]
        apart = self._number % 2
        for client in clients if apart else ():
            client.stays = self._number // 2 % len(self.crowd.ports)
        if apart:
            clients[2].stays = (self._number // 2 + 1) % len(self.crowd.ports)
        requests = self.chance.randint(10, 30)
        looks_on = clients[2] if apart else None
        await asyncio.gather(*(self._act(client, requests, looks_on=client is looks_on) for client in clients))
        self.client.stays = None
        if not self.crowd.stopping.is_set():
            await self.end()
            await asyncio.gather(*(client.ask("ghost") for client in clients[1:]))
        for client in clients[1:]:
            client.leave()

    async def _act(self, client: Client, requests: int, *, looks_on: bool) -> None:
        for _ in range(requests):
            if self.crowd.stopping.is_set():
                return
            await (client.ask("read") if looks_on else self.write_or_read(client))
            await self.crowd.rest(self.chance)


class Guest(_Visitor):
    """Comes a few times within the idle time, then stays away until the session has expired."""

    app = "short"

    async def go_on(self) -> None:
        bounds = self.crowd.bounds
        for _ in range(self.chance.randint(1, 4)):
            await self.crowd.wait(bounds.idle * self.chance.uniform(0.2, 0.6))
            if self.crowd.stopping.is_set():
                return
            entry = await self.write_or_read(self.client)
            if entry.answered and not entry.version and entry.op == "read":
                self.client.forget()
                return
        await self.crowd.wait(bounds.idle + bounds.slack + bounds.clock + 0.2)
        if not self.crowd.stopping.is_set():
            await self.client.ask("after")
        self.client.forget()
