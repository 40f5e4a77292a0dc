"""Script: which fault comes when, and for how long. Everything that it breaks it heals."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from tests.faults.ground.fleet import Node, faketime
from tests.faults.ground.proxy import Proxy
from tests.faults.ground.stores import StoreServer
from tests.faults.history import Injection

CALM = (0.2, 0.8)  # seconds between two faults
SKEW = 30.0  # seconds

KINDS = {
    "kill": "a node is killed, and started again",
    "pause": "a node stands still (SIGSTOP)",
    "skew": f"a node's clock is {SKEW:g} s ahead or behind",
    "cut": "a node's connections to the store break",
    "refuse": "a node's connections break, and no new ones are let in",
    "delay": "what goes between a node and the store takes its time",
    "hang": "a node's connections to the store swallow everything",
    "half": "a write is done, and its answer is cut off",
    "restart": "the store is killed, and started again",
    "hold": "another process holds the store's file",
    "cut-watch": "a node's watch breaks",
    "hang-watch": "a node's watch falls silent",
    "slow-watch": "a node is told late of changes",
}
_ON_THE_WAY = ("cut", "refuse", "delay", "hang", "half", "cut-watch", "hang-watch", "slow-watch")


def fitting(store: str) -> set[str]:
    """The faults that a kind of store can have."""
    if store == "sqlite":
        return {"kill", "pause", "hold"}
    return KINDS.keys() - {"hold"} - left_out(store).keys()


def left_out(store: str) -> dict[str, str]:
    """The faults that a kind of store could have and does not, with the reason."""
    if store == "sqlite":
        return {"skew": "the processes of one machine have one clock"}
    return {} if faketime() is not None else {"skew": "libfaketime is not installed"}


class Script:
    """Injects faults, up to three at a time: one of a node or the store, and one on each node's way to the store."""

    def __init__(
        self,
        nodes: Sequence[Node],
        proxies: Sequence[Proxy],
        store: StoreServer,
        *,
        watch: float,
        seed: int,
        pace: float,
    ) -> None:
        """`watch`: the watch bound; some faults last longer. `pace`: how long they last, compared with the usual."""
        self.injections: list[Injection] = []
        self.under_way: set[str] = set()
        self._nodes = nodes
        self._proxies = proxies
        self._store = store
        self._watch = watch
        self._pace = pace
        self._chance = random.Random(f"{seed}/faults")

    async def run(self, kinds: Iterable[str], until: float) -> None:
        """Faults of those kinds until that time, each as often as the others and once at least; then all is healed."""
        kinds = list(kinds)
        on_the_way = [kind for kind in kinds if kind in _ON_THE_WAY]
        others = [kind for kind in kinds if kind not in _ON_THE_WAY]
        lanes = [(others, range(len(self._nodes))), *((on_the_way, [index]) for index in range(len(self._proxies)))]
        try:
            await asyncio.gather(*(self._lane(lane, indexes, until) for lane, indexes in lanes if lane))
            await asyncio.sleep(until - time.monotonic())
        finally:
            await self.heal()

    async def heal(self) -> None:
        """Let nothing be broken any more."""
        for proxy in self._proxies:
            proxy.heal()
        for node in self._nodes:
            node.resume()
            node.skew(0)
        await asyncio.gather(*(self._revive(node) for node in self._nodes))

    async def _lane(self, kinds: Sequence[str], indexes: Sequence[int], until: float) -> None:
        done = 0
        while True:
            for kind in self._chance.sample(kinds, len(kinds)):
                await self._last(*CALM)
                if time.monotonic() >= until and done >= len(kinds):
                    return
                await self._inject(kind, self._chance.choice(indexes))
                done += 1

    async def _inject(self, kind: str, index: int) -> None:
        begun_at = time.monotonic()
        self.under_way.add(kind)
        try:
            await _DEEDS[kind](self, index)
        finally:
            self.under_way.discard(kind)
            node = None if kind in ("restart", "hold") else index
            self.injections.append(Injection(kind=kind, node=node, begun_at=begun_at, healed_at=time.monotonic()))

    async def _last(self, at_least: float, at_most: float) -> None:
        await asyncio.sleep(self._pace * self._chance.uniform(at_least, at_most))

    # --- of a node -----------------------------------------------------------------------------------------------

    async def _kill(self, index: int) -> None:
        self._nodes[index].kill()
        await self._last(0, 0.5)
        await self._revive(self._nodes[index])

    async def _revive(self, node: Node) -> None:
        if not node.alive:
            node.start()
        await node.ready()

    async def _pause(self, index: int) -> None:
        self._nodes[index].pause()
        try:
            await self._last(0.3, self._watch + 1)
        finally:
            self._nodes[index].resume()

    async def _skew(self, index: int) -> None:
        self._nodes[index].skew(self._chance.choice((SKEW, -SKEW)))
        try:
            await self._last(3, 5)  # it looks at its clock once a second
        finally:
            self._nodes[index].skew(0)

    # --- on the way to the store ---------------------------------------------------------------------------------

    async def _cut(self, index: int) -> None:
        self._proxies[index].cut()

    async def _refuse(self, index: int) -> None:
        self._proxies[index].refusing = True
        self._proxies[index].cut()
        await self._while_broken(index, 0.3, 2)

    async def _delay(self, index: int) -> None:
        self._proxies[index].delay = self._chance.uniform(0.01, 0.15)
        await self._while_broken(index, 1, 3)

    async def _hang(self, index: int) -> None:
        self._proxies[index].hang()
        await self._while_broken(index, 0.5, self._watch + 1)

    async def _half(self, index: int) -> None:
        for _ in range(5):
            self._proxies[index].halves = True
            await self._last(0.05, 0.2)
        self._proxies[index].heal()

    async def _cut_watch(self, index: int) -> None:
        self._proxies[index].cut(watches_only=True)

    async def _hang_watch(self, index: int) -> None:
        if self._chance.random() < 0.5:  # it becomes slow before
            self._proxies[index].watch_delay = self._watch * 0.45
            await self._last(self._watch / 2, self._watch)
        self._proxies[index].hang_watches()
        await self._while_broken(index, 1, 2 * self._watch)

    async def _slow_watch(self, index: int) -> None:
        self._proxies[index].watch_delay = self._chance.choice((0.1, 0.5, self._watch * 0.7))
        await self._while_broken(index, 1, 2 * self._watch + 1)

    async def _while_broken(self, index: int, at_least: float, at_most: float) -> None:
        try:
            await self._last(at_least, at_most)
        finally:
            self._proxies[index].heal()

    # --- of the store --------------------------------------------------------------------------------------------

    async def _restart(self, _: int) -> None:
        await self._store.kill()
        try:
            await self._last(0, 1)
        finally:
            await self._store.start()


_DEEDS: dict[str, Callable[[Script, int], Awaitable[None]]] = {
    "kill": Script._kill,
    "pause": Script._pause,
    "skew": Script._skew,
    "cut": Script._cut,
    "refuse": Script._refuse,
    "delay": Script._delay,
    "hang": Script._hang,
    "half": Script._half,
    "restart": Script._restart,
    "hold": Script._restart,
    "cut-watch": Script._cut_watch,
    "hang-watch": Script._hang_watch,
    "slow-watch": Script._slow_watch,
}
