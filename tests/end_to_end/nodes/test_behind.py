"""`save="async"`: what a stop loses (nothing), and what a kill does (one interval), counted from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from tests.fixtures.process import processes
from tests.fixtures.stoppable import stoppable
from tests.fixtures.wire import Wire

CHANGES = int(os.environ.get("SOJOURN_TEST_CHANGES", "8000"))
OUTAGE = float(os.environ.get("SOJOURN_TEST_OUTAGE", "1.5"))  # seconds without the store
VISITORS, QUEUE = 200, 150  # so the queue is full, and the changes of others are stored before their answer
INTERVAL = OUTAGE / 3
SAVING = 1.0  # seconds more that an attempt to save may take on a busy machine


class Changer:
    """A visitor who counts, one request after the other."""

    def __init__(self, port: int) -> None:
        self.wire = Wire(port)
        self.sent = self.refused = 0
        self.longest = 0.0
        self.acknowledged_at: list[float] = []

    async def run(self) -> None:
        """Until nobody is there any more."""
        with suppress(ConnectionError):
            while True:
                await self.change()

    async def change(self) -> None:
        self.sent += 1
        began = time.monotonic()
        status = (await self.wire.ask("/count")).status
        self.longest = max(self.longest, time.monotonic() - began)
        if status == 200:
            self.acknowledged_at.append(time.monotonic())
        else:
            self.refused += 1
            await asyncio.sleep(0.05)  # it is to come again later

    async def stored(self, port: int) -> int:
        wire = Wire(port, self.wire.jar)
        n = (await wire.ask("/read")).value["data"]["n"]
        wire.hang_up()
        return int(n)


class Crowd:
    """All visitors of a node."""

    def __init__(self, port: int) -> None:
        self.changers = [Changer(port) for _ in range(VISITORS)]

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """While they change; in the end they go on until the node has gone."""
        await asyncio.gather(*(changer.change() for changer in self.changers))  # makes the sessions
        async with asyncio.TaskGroup() as group:
            for changer in self.changers:
                group.create_task(changer.run())
            yield

    @property
    def acknowledged(self) -> int:
        return sum(len(changer.acknowledged_at) for changer in self.changers)

    async def change(self, number: int) -> None:
        """Wait for that many changes more."""
        number += self.acknowledged
        while self.acknowledged < number:  # noqa: ASYNC110 - they tell nobody
            await asyncio.sleep(0.01)

    async def stored(self, port: int) -> list[int]:
        return await asyncio.gather(*(changer.stored(port) for changer in self.changers))

    @property
    def figures(self) -> str:
        refused = sum(changer.refused for changer in self.changers)
        longest = max(changer.longest for changer in self.changers)
        return f"{self.acknowledged} changes acknowledged, {refused} refused, the slowest took {longest:.2f} s"


@pytest.mark.timeout(120 + 4 * OUTAGE + CHANGES / 200)
@pytest.mark.parametrize("hangs", [False, True], ids=["stops", "hangs"])
@pytest.mark.parametrize("kind", ["postgres", "valkey"])
async def test_nothing_is_lost_by_a_store_that_goes_away_and_a_node_that_stops_meanwhile(
    kind: str, hangs: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with stoppable(kind) as server:
        settings = {"save": "async", "write": {"interval": INTERVAL, "queue_size": QUEUE}}
        with processes(tmp_path, server.url, settings) as [node]:
            crowd = Crowd(node.port)
            async with crowd.at_work():
                await crowd.change(CHANGES // 2)
                async with server.away(hangs=hangs):
                    await asyncio.sleep(OUTAGE)  # a time without the store, after which nothing is expected yet
                await crowd.change(CHANGES // 2)
                async with server.away(hangs=hangs):
                    await asyncio.sleep(OUTAGE / 2)
                    node.signal(signal.SIGTERM)
                    await asyncio.sleep(OUTAGE / 2)
                await asyncio.to_thread(node.wait)
        with processes(tmp_path, server.url, {}) as [node]:
            stored = await crowd.stored(node.port)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are a result
            f"\n{kind} {'hangs' if hangs else 'stops'} twice for {OUTAGE:g} s, SIGTERM in the second: "
            f"{crowd.figures}, {sum(stored)} stored"
        )
    for changer, n in zip(crowd.changers, stored, strict=True):
        assert len(changer.acknowledged_at) <= n <= changer.sent
    held_up = [changer for changer in crowd.changers if changer.refused or changer.longest > OUTAGE / 3]
    assert len(held_up) >= VISITORS - QUEUE  # the queue was full: those that were not in it waited for the store


@pytest.mark.timeout(120 + CHANGES / 200)
async def test_a_node_that_is_killed_loses_no_more_than_one_interval(
    store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"save": "async", "write": {"interval": INTERVAL}}
    with processes(tmp_path, store_url, settings) as [node]:
        crowd = Crowd(node.port)
        async with crowd.at_work():
            await crowd.change(CHANGES)
            node.signal(signal.SIGKILL)
            killed_at = time.monotonic()
    with processes(tmp_path, store_url, {}) as [node]:
        stored = await crowd.stored(node.port)
    lost = [at for changer, n in zip(crowd.changers, stored, strict=True) for at in changer.acknowledged_at[n:]]
    assert lost  # or it would not have been seen
    oldest = killed_at - min(lost)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are a result
            f"\n{store_url.partition(':')[0]}, interval {INTERVAL:g} s, kill -9: {crowd.figures}, {len(lost)} lost, "
            f"the oldest of them {oldest:.2f} s old"
        )
    assert oldest <= INTERVAL + SAVING
