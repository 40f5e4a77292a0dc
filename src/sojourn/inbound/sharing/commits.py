"""The commits of one of several applications."""

from __future__ import annotations

from sojourn.core.merge import Changes
from sojourn.core.outcome import Outcome
from sojourn.core.session import Session
from sojourn.inbound.ending import Endings
from sojourn.inbound.keeping.commits import Commits
from sojourn.inbound.keeping.rules import Rules
from sojourn.inbound.listeners import Listeners
from sojourn.inbound.sharing.everywhere import Everywhere
from sojourn.store.base import Store

__all__ = ["SharedCommits"]


class SharedCommits(Commits):
    """Commits that may end the sessions of other applications, too."""

    def __init__(
        self, store: Store, rules: Rules, listeners: Listeners, endings: Endings, everywhere: Everywhere
    ) -> None:
        """`everywhere`: ends them. The others as `Commits`."""
        super().__init__(store, rules, listeners, endings)
        self._everywhere = everywhere

    async def commit(self, session: Session, changes: Changes, *, counts: bool, fences: bool = False) -> Outcome:
        """As `Commits`."""
        if session.ended and session.everywhere:
            await self._everywhere.end(session.record, session.given, "signed-out")
        return await super().commit(session, changes, counts=counts, fences=fences)
