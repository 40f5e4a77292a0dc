"""Two nodes on one store, whose changes reach them whenever they do: what a visitor may rely on holds all the time."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.fixtures.watched import Gate
from tests.store.near.fleet import Node, soon

from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, StoreError, StoreUnavailable
from sojourn.store.base import SWEEP_DELAY
from sojourn.store.memory import MemoryStore
from sojourn.store.near import Near, watch
from sojourn.store.near.entries import OVERHEAD
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

NODES = 2
SESSIONS = 4
BOUND = Near(entries=3, bytes=3 * OVERHEAD + 2000, silence=1e6)

nodes, visitors = st.sampled_from(range(NODES)), st.sampled_from(range(SESSIONS))


class Visitor(msgspec.Struct):
    """Someone who sends one request after another, each to any node."""

    record: Record
    """What the last response told: the key and the version are in the cookies."""
    older: list[Record] = []
    """Records under former keys, that slow requests may still have."""
    ended_at: set[int] = set()
    """The nodes that have ended the session."""
    ended: bool = False


class Fleet(RuleBasedStateMachine):
    """Requests, slow ones among them, and messages that are late, lost or cut off."""

    @initialize()
    def begin(self) -> None:
        self.clock, self.monotonic = FakeClock(), FakeClock(5000.0)
        self.shared = MemoryStore(clock=self.clock)
        self.runner = asyncio.Runner()
        self.soon = mock.patch.object(watch, "FIRST_PAUSE", 0.0)
        self.soon.start()
        self.nodes = [
            Node(self.shared, BOUND, name=f"n{number}", clock=self.clock, monotonic=self.monotonic)
            for number in range(NODES)
        ]
        for node in self.nodes:
            self.runner.run(node.on())
        self.visitors = [self.create(0) for _ in range(SESSIONS)]
        self.slow: list[tuple[Gate, asyncio.Task[Any]]] = []

    def create(self, number: int) -> Visitor:
        record = records.new(self.clock)
        self.runner.run(self.nodes[number].save(record, over=None))
        return Visitor(record)

    # --- requests ------------------------------------------------------------------------------------------------

    def opened(self, node: Node, record: Record) -> Record | None:
        """What a request gets that brings the key and the version of `record`."""
        found = node.recall(record.key, record.app, record.version)
        if any((record.key, record.app) in flights._under_way for flights in node._flights.values()):
            self.go_on_all()  # or it would wait for them
        return found if found is not None else self.runner.run(node.loads(record))

    def saved(self, node: Node, record: Record, over: Record) -> bool:
        """Whether it was saved: others, who were told nothing, may have been faster."""
        try:
            self.runner.run(node.save(record, over=over))
        except (Conflict, Gone):
            assert not node.serves(over)
            return False
        return True

    @rule(number=nodes, of=visitors)
    def read(self, number: int, of: int) -> None:
        visitor = self.visitors[of]
        found = self.opened(self.nodes[number], visitor.record)
        if visitor.ended:
            assert found is None or number not in visitor.ended_at
            return
        assert found is not None
        assert found.version >= visitor.record.version, "a visitor went back"
        visitor.record = found

    @rule(number=nodes, of=visitors, size=st.sampled_from([0, 500, 1500, 6000]))
    def write(self, number: int, of: int, size: int) -> None:
        visitor, node = self.visitors[of], self.nodes[number]
        found = self.opened(node, visitor.record)
        if found is None or visitor.ended:
            return
        newer = records.newer(found, node=f"n{number}", data=b"x" * size)
        if self.saved(node, newer, found):
            visitor.record = newer

    @rule(number=nodes, of=visitors, signs_in=st.booleans())
    def move(self, number: int, of: int, signs_in: bool) -> None:
        visitor, node = self.visitors[of], self.nodes[number]
        found = self.opened(node, visitor.record)
        if found is None or visitor.ended:
            return
        self.clock.advance(seconds=1)
        moved = (records.signed_in if signs_in else records.renewed)(found, self.clock, node=f"n{number}")
        if self.saved(node, moved, found):
            visitor.older = [*([] if signs_in else visitor.older), found]
            visitor.record = moved

    @rule(number=nodes, of=visitors, slow=st.booleans(), claims=st.booleans())
    def end(self, number: int, of: int, slow: bool, claims: bool) -> None:
        """`slow`: by a request that came with an id that was renewed since."""
        visitor, node = self.visitors[of], self.nodes[number]
        record = visitor.older[-1] if slow and visitor.older else visitor.record
        if record is visitor.record:
            self.opened(node, record)
        known = node.serves(record) or (record.key, record.app) in node._copies.entries._left
        if claims:
            done = self.runner.run(node.end(record.key, record.app, reason="signed-out", lease=30)) is not None
        else:
            done = self.runner.run(node.delete(record.key, record.app))
        if done:
            visitor.ended = True
            if known or claims:
                visitor.ended_at.add(number)

    @rule(number=nodes, of=visitors)
    def touch(self, number: int, of: int) -> None:
        visitor, node = self.visitors[of], self.nodes[number]
        found = self.opened(node, visitor.record)
        if found is not None:
            self.clock.advance(seconds=1)
            self.runner.run(node.touch(records.used(found, self.clock)))

    @rule(number=nodes, of=visitors)
    def come_late(self, number: int, of: int) -> None:
        """A request that began before others wrote saves over what it has."""
        visitor, node = self.visitors[of], self.nodes[number]
        for older in visitor.older:
            assert not self.saved(node, records.newer(older), older)

    @rule(number=nodes, of=visitors)
    def fail_to_write(self, number: int, of: int) -> None:
        """The answer of the store is lost, and nobody is told the new version."""
        visitor, node = self.visitors[of], self.nodes[number]
        found = self.opened(node, visitor.record)
        if found is None or visitor.ended:
            return
        node.line.fail("save", StoreUnavailable("lost; ask again"), after=True)
        try:
            self.runner.run(node.save(records.newer(found, node=f"n{number}"), over=found))
        except StoreError:
            pass
        else:
            raise AssertionError("the answer came")
        finally:
            node.line.after.clear()

    @rule(of=visitors)
    def come_anew(self, of: int) -> None:
        if self.visitors[of].ended:
            self.visitors[of] = self.create(of % NODES)

    # --- requests that take long ---------------------------------------------------------------------------------

    @precondition(lambda self: len(self.slow) < 3)
    @rule(number=nodes, of=visitors, name=st.sampled_from(["load", "save", "fetch"]), after=st.booleans())
    def begin_slowly(self, number: int, of: int, name: str, after: bool) -> None:
        self.runner.run(self._begin_slowly(self.nodes[number], self.visitors[of], name, after=after))

    async def _begin_slowly(self, node: Node, visitor: Visitor, name: str, *, after: bool) -> None:
        record = visitor.record
        if name == "save":
            asked: Any = node.save(records.newer(record), over=record)
        elif name == "load":
            asked = node.load(record.key, record.app)
        else:
            asked = node.fetch(record.key, record.app, record.version)
        gates = node.line.after if after else node.line.before
        gate = gates["save" if name == "save" else "load"] = Gate()
        task = asyncio.create_task(asked)
        await soon()
        gates.clear()
        self.slow.append((gate, task))

    @precondition(lambda self: self.slow)
    @rule(which=st.integers(0, 2), cancels=st.booleans())
    def go_on(self, which: int, cancels: bool) -> None:
        gate, task = self.slow.pop(which % len(self.slow))
        self.runner.run(self._go_on(gate, task, cancels=cancels))

    def go_on_all(self) -> None:
        for gate, _ in self.slow:
            gate.opened.set()
        while self.slow:
            gate, task = self.slow.pop()
            self.runner.run(asyncio.wait_for(self._settled(task), timeout=10))

    async def _go_on(self, gate: Gate, task: asyncio.Task[Any], *, cancels: bool) -> None:
        if cancels:
            task.cancel()
        gate.opened.set()
        await soon()
        if task.done():
            await self._settled(task)
        else:  # it has joined another, which still waits
            self.slow.append((gate, task))

    async def _settled(self, task: asyncio.Task[Any]) -> None:
        await asyncio.wait([task])
        if not task.cancelled():
            assert isinstance(task.exception(), StoreError | None)
        await soon()

    # --- what is heard -------------------------------------------------------------------------------------------

    @rule(number=nodes, count=st.sampled_from([1, 2, 5]))
    def hear(self, number: int, count: int) -> None:
        self.runner.run(self.nodes[number].line.deliver(count))

    @rule(number=nodes)
    def hear_again(self, number: int) -> None:
        line = self.nodes[number].line
        told = self.runner.run(line.deliver())
        self.runner.run(line.tell(*told[-2:]))

    @rule(number=nodes)
    def miss(self, number: int) -> None:
        """Changes are lost, and the next sign of life tells so."""
        line = self.nodes[number].line
        line.lose()
        self.runner.run(line.tell(line.sign_of_life()))

    @rule(number=nodes)
    def cut(self, number: int) -> None:
        self.runner.run(self.nodes[number].line.cut())
        self.runner.run(self.nodes[number].on())

    @rule()
    def sweep(self) -> None:
        for visitor in self.visitors:
            visitor.ended = True
        self.clock.advance(seconds=records.IDLE + SWEEP_DELAY + 100)
        endings = self.runner.run(self.nodes[0].claim(limit=100, lease=30))
        self.runner.run(self.nodes[0].forget([ending.record for ending in endings]))
        self.visitors = [self.create(number % NODES) for number in range(SESSIONS)]

    # --- what holds ----------------------------------------------------------------------------------------------

    @invariant()
    def what_a_node_has_ended_it_does_not_serve(self) -> None:
        for visitor in self.visitors:
            for number in visitor.ended_at:
                for record in (visitor.record, *visitor.older):
                    assert not self.nodes[number].serves(record)

    @invariant()
    def the_bounds_hold(self) -> None:
        for node in self.nodes:
            assert node.entries <= BOUND.entries
            assert node.size <= BOUND.bytes

    @rule()
    def hear_all(self) -> None:
        """Then nothing is served that is not stored just so, but for times of use."""
        for node in self.nodes:
            self.runner.run(node.line.beat())
            for (key, app), record in list(node._copies.entries._kept.items()):
                stored = self.runner.run(self.shared.load(key, app))
                if stored is None:
                    assert record.expires_at <= self.clock()
                else:
                    assert timeless(record) == timeless(stored)
                    assert record.expires_at <= stored.expires_at

    def teardown(self) -> None:
        self.soon.stop()
        with self.runner:
            self.go_on_all()
            self.hear_all()
            for node in self.nodes:
                assert not node._copies._pending._asked
                self.runner.run(node.close())


def timeless(record: Record) -> Record:
    return msgspec.structs.replace(record, accessed_at=0.0, expires_at=0.0)


TestFleet = Fleet.TestCase
TestFleet.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
