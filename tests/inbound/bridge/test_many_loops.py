"""Event loops of one process that share one `Sessions`: none waits for another, and each ends what is its own."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

from tests.inbound.bridge.asked import Held
from tests.inbound.bridge.asked import Visit as Asking

from sojourn import Lifetime, Sessions
from sojourn.inbound.answers.visit import Visit
from sojourn.store.memory import MemoryStore


async def use(sessions: Sessions, jar: dict[str, str]) -> object:
    visit = Visit(sessions, Asking(jar))
    if not visit.recall():
        await visit.open()
    found = visit.session.get("n")
    if found is None:
        visit.session["n"] = 1
    headers = [] if visit.passes() else await visit.start([], status=200)
    for name, value in headers:
        if name == b"set-cookie":
            key, _, secret = value.partition(b";")[0].partition(b"=")
            jar[key.decode()] = secret.decode()
    if not visit.over:
        await visit.finish(failed=False)
    visit.close()
    return found


async def written(sessions: Sessions, used_at: float) -> None:
    """Until the store knows of that use."""
    async with asyncio.timeout(10):
        while (await sessions.find())[0].accessed_at < used_at:  # noqa: ASYNC110 - it is no event
            await asyncio.sleep(0.02)


def test_a_session_in_use_does_not_expire_though_an_event_loop_that_used_it_stands_still(tmp_path: Path) -> None:
    now = [time.time()]
    sessions = Sessions(f"sqlite:///{tmp_path}/s.db", clock=lambda: now[0], lifetime=Lifetime(idle=100))
    jar: dict[str, str] = {}
    with asyncio.Runner() as one, asyncio.Runner() as other:
        one.run(use(sessions, jar))
        now[0] += 50
        assert one.run(use(sessions, jar)) == 1  # its loop stands still now: it is run for each request
        for _ in range(3):
            now[0] += 50
            assert other.run(use(sessions, jar)) == 1
            other.run(written(sessions, now[0]))
        other.run(sessions.close())


def test_a_loop_closes_what_is_its_own_while_another_begins_to_store() -> None:
    store = Held(MemoryStore())
    sessions, other, closing = Sessions(store), asyncio.new_event_loop(), [threading.current_thread()]

    class Task(asyncio.Task[Any]):
        """The thread that looks at it stands still, and another one goes on, as may happen between any two lines."""

        def get_loop(self) -> asyncio.AbstractEventLoop:
            if threading.current_thread() in closing:
                begin()
            return super().get_loop()

    async def one() -> None:
        session = await sessions.load(None)
        session["n"] = 1
        await session.save()

    def begin() -> None:
        gate.reached.clear()
        asyncio.run_coroutine_threadsafe(one(), other)
        assert gate.reached.wait(5)

    gate = store.pause("save")
    other.set_task_factory(lambda loop, work, **named: Task(work, loop=loop, **named))
    thread = threading.Thread(target=other.run_forever)
    thread.start()
    try:
        begin()
        asyncio.run(sessions.close())
    finally:
        closing.clear()
        gate.opened.set()
        asyncio.run_coroutine_threadsafe(sessions.close(), other).result(5)
        other.call_soon_threadsafe(other.stop)
        thread.join()
        other.close()
