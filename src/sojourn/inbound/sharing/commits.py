"""The commits of one of several applications."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from sojourn.core.events import Listeners
from sojourn.core.merge import Changes
from sojourn.core.outcome import Outcome, Use
from sojourn.core.record import Record
from sojourn.core.session import Session, Stage
from sojourn.errors import Gone, SojournError, StoreError
from sojourn.inbound.ending import Endings
from sojourn.inbound.keeping.commits import Commits
from sojourn.inbound.keeping.rules import Rules
from sojourn.inbound.sharing.everywhere import Everywhere
from sojourn.inbound.sharing.session import SharedSession
from sojourn.inbound.sharing.store import SharedStore

__all__ = ["SharedCommits"]


class SharedCommits(Commits):
    """Commits that may begin a session under an id that is there, and end those of other applications."""

    def __init__(
        self, store: SharedStore, rules: Rules, listeners: Listeners, endings: Endings, everywhere: Everywhere
    ) -> None:
        """`everywhere`: ends the sessions of all. The others as `Commits`."""
        super().__init__(store, rules, listeners, endings)
        self._shared = store
        self._everywhere = everywhere
        self._ending: set[asyncio.Task[bool]] = set()

    async def commit(self, session: Session, changes: Changes, *, counts: bool, fences: bool = False) -> Outcome:
        """As `Commits`."""
        if session.ended and session.everywhere and session.given is not None:
            # In a task of its own: a request that is cancelled meanwhile leaves nothing half done.
            ending = asyncio.get_running_loop().create_task(self._everywhere.end(session.given.key, "signed-out"))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            await asyncio.shield(ending)
        try:
            outcome = await super().commit(session, changes, counts=counts, fences=fences)
        except SojournError:
            await self._note_move(session)
            raise
        if session.ended:
            await self._note_move(session)
        return outcome

    async def finish(self) -> None:
        """As `Commits`."""
        loop = asyncio.get_running_loop()
        if ending := [task for task in self._ending if task.get_loop() is loop]:
            await asyncio.wait(ending)
        await super().finish()

    async def _note_move(self, session: Session) -> None:
        """See whether the id is a new one though the sign-in failed: the visitor has other sessions under it."""
        if not (isinstance(session, SharedSession) and session.renewing and session.stage is Stage.OPEN):
            return
        with contextlib.suppress(StoreError):
            if await self._shared.anchor(session.next_id().key) is not None:
                session.moved_to = session.next_id()

    async def _save(self, record: Record, over: Record | None) -> Record | None:
        await self._put(record, over)  # the store has asked again where an answer was lost
        return None

    def _newer(self, use: Use, found: Record | None, stored: Record | None) -> Record:
        if found is None or stored is None or not found.blank:
            return super()._newer(use, found, stored)
        if stored.principal not in (None, use.principal):
            raise Gone
        # Another request was faster to begin the session.
        return super()._newer(use, msgspec.structs.replace(found, ref=stored.ref), stored)
