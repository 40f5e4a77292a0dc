"""A day at a shop: visitors do what they do, and what a process should have counted is known."""

from __future__ import annotations

import asyncio

from tests.fixtures.visitor import Visitor, everything, sets, signs_in

from sojourn import Sessions
from sojourn.core.ids import SessionId
from sojourn.store.near import NearStore
from sojourn.testing import FakeClock

VISITORS, READS = 5, 3

COUNTED: dict[tuple[str, ...], int] = {
    ("sessions.created",): VISITORS,
    ("sessions.renewed",): 2,
    ("sessions.refused", "limit"): 1,
    ("sessions.ended", "signed-out"): 1,
    ("sessions.ended", "revoked"): 1,
    ("sessions.ended", "idle"): VISITORS - 2,
    ("sessions.absent",): 4,
    ("ids.refused",): 1,
    ("strangers.refused",): 0,
    ("tracking.disagreed",): 0,
    ("affinity.broken",): 1,
    ("sessions.fell_back",): 1,
    ("changes.dropped",): 1,
    ("changes.late",): 0,
    ("sessions.unreadable",): 0,
    ("attributes.unreadable",): 0,
}
"""By instrument, and by reason where it has one."""


class Day:
    """What `COUNTED` says happens when it is `spent`."""

    def __init__(self, sessions: Sessions, clock: FakeClock) -> None:
        self.sessions = sessions
        self.clock = clock
        self.ids: set[str] = set()
        """All ids that visitors had, and made up, with their keys."""

    async def spend(self) -> None:
        await self.sessions.start()
        while isinstance(near := self.sessions.store, NearStore) and not near.healthy:  # noqa: ASYNC110 - it is no event
            await asyncio.sleep(0)
        visitors = [Visitor(self.sessions) for _ in range(VISITORS)]
        for number, each in enumerate(visitors):
            await each.ask(sets(number=number, cart=["PEN"]))
            self._note(each)
            for _ in range(READS):
                await each.ask(everything)
        await self._sign_in(visitors)
        await self._lose_their_way(visitors)
        await self._end(visitors)

    async def _sign_in(self, visitors: list[Visitor]) -> None:
        for each in visitors[:3]:
            before = each.twin()
            answer = await each.ask(signs_in("alice"))
            self._note(each)
            if answer.status == 200:
                await before.ask(everything)  # with an id that is none any more
        assert answer.status == 429

    async def _lose_their_way(self, visitors: list[Visitor]) -> None:
        stranger, made_up = Visitor(self.sessions), SessionId.new()
        stranger.jar = {self.sessions.cookie.name: made_up.secret}
        self._note(stranger)
        await stranger.ask(everything)
        elsewhere = visitors[4].twin()
        elsewhere.jar[self.sessions.cookie.name] = elsewhere.id.replace(".n1", ".n2")
        await elsewhere.ask(everything)
        ahead = visitors[4].twin()
        ahead.jar[self.sessions.cookie.version_name] = "99"
        await ahead.ask(everything)
        forged = visitors[4].twin()
        planted = SessionId.new().secret
        self.ids.add(planted)
        await forged.ask(everything, cookies=[f"__Host-id={forged.id}; __Host-id={planted}".encode()])

    async def _end(self, visitors: list[Visitor]) -> None:
        late = visitors[0].twin()

        async def changes_what_has_ended(session: object) -> None:
            session["late"] = True  # type: ignore[index]
            await visitors[0].ask(lambda session: session.end())

        await late.ask(changes_what_has_ended)
        ref = (await visitors[1].ask(lambda session: session.ref)).value
        assert await self.sessions.end(ref)
        await visitors[1].ask(everything)
        self.clock.advance(hours=2)
        assert await self.sessions.sweep() == VISITORS - 2

    def _note(self, visitor: Visitor) -> None:
        secret = visitor.id.partition(".")[0]
        self.ids |= {secret, SessionId(secret).key}
