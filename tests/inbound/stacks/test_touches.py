"""Times of use, and a store that is away for a moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.inbound.exclusive.test_outdated import begin, request

from sojourn import Lifetime, Sessions
from sojourn.core.record import Record
from sojourn.errors import StoreUnavailable
from sojourn.store.around import Around
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock


class Away(Around):
    failures = 0

    async def touch(self, record: Record) -> bool:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("it is away")
        return await super().touch(record)


async def test_a_session_never_ends_early_though_the_store_was_away_when_its_use_was_to_be_written() -> None:
    clock = FakeClock()
    store = Away(MemoryStore(clock=clock))
    sessions = Sessions(store, clock=clock, lifetime=Lifetime(idle=timedelta(minutes=20)))
    jar: dict[bytes, bytes] = {}
    found: list[Any] = []

    async def look(session: Any) -> None:
        found.append(session.get("items"))

    await request(sessions, jar, begin)
    clock.advance(minutes=19)
    store.failures = 1
    await request(sessions, jar, look)
    for _ in range(2):  # the first one is in vain
        await sessions.flush()
    clock.advance(minutes=3)
    await request(sessions, jar, look)
    assert found == [[0], [0]]
    await sessions.close()
