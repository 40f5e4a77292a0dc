"""Workers are killed under load, and no visitor loses what he was told is stored."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.fixtures.servers import Serving, serve
from tests.fixtures.wire import Wire

SECONDS = float(os.environ.get("SOJOURN_TEST_KILL_SECONDS", "15"))
CLIENTS = 50
EVERY = 0.5


class Counter:
    """A client that counts in its own session, one request after the other."""

    def __init__(self, port: int) -> None:
        self.wire = Wire(port)
        self.sent = self.acknowledged = self.stored = self.refused = self.cut = 0

    async def begin(self) -> None:
        while not self.wire.jar:  # a creation that was cut off is another session, which nobody asks after
            await self._count()
        self.sent = self.acknowledged = 1

    async def run(self, stop_at: float) -> None:
        while time.monotonic() < stop_at:
            await self._count()

    async def finish(self) -> None:
        while True:
            try:
                reply = await self.wire.ask("/read")
            except ConnectionError:
                continue
            assert reply.status == 200
            self.stored = reply.value["data"]["n"]
            self.wire.hang_up()
            return

    async def _count(self) -> None:
        self.sent += 1
        try:
            reply = await self.wire.ask("/count")
        except ConnectionError:
            self.cut += 1
            return
        if reply.status == 200:
            self.acknowledged += 1
        else:
            self.refused += 1


async def kill(serving: Serving, stop_at: float) -> None:
    while time.monotonic() < stop_at:
        await asyncio.sleep(EVERY)  # the pace of the kills; nothing is right because of it
        serving.kill_one()


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 60)
async def test_what_a_killed_worker_had_acknowledged_is_stored(
    store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(tmp_path, store=store_url) as serving:
        counters = [Counter(serving.port) for _ in range(CLIENTS)]
        await asyncio.gather(*(counter.begin() for counter in counters))
        stop_at = time.monotonic() + SECONDS
        await asyncio.gather(kill(serving, stop_at), *(counter.run(stop_at) for counter in counters))
        await asyncio.gather(*(counter.finish() for counter in counters))
    acknowledged = sum(counter.acknowledged for counter in counters)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are a result
            f"\n{store_url.partition(':')[0]}: {serving.killed} workers killed in {SECONDS:g} s; {CLIENTS} clients: "
            f"{acknowledged} writes acknowledged, "
            f"{sum(c.stored for c in counters)} stored, {sum(c.sent for c in counters)} sent, "
            f"{sum(c.cut for c in counters)} cut off, {sum(c.refused for c in counters)} refused"
        )
    assert not [c for c in counters if not c.acknowledged <= c.stored <= c.sent]
    assert serving.killed >= 20 * SECONDS / 15
    assert acknowledged >= 1_000 * SECONDS / 15  # something was at stake, on however busy a machine
