"""Searching: sessions found and ended from outside of their requests."""

from __future__ import annotations

from functools import partial

from sojourn.core.lifetime import Clock
from sojourn.core.record import Record, is_text
from sojourn.errors import SettingError
from sojourn.inbound.ending import Endings
from sojourn.inbound.keeping.rules import lacks
from sojourn.inbound.sharing import Everywhere
from sojourn.store.base import Lists, Opens, Query, Store, power
from sojourn.store.stack import is_remote

__all__ = ["Searching"]


class Searching:
    """What an operator, and a visitor with several devices, wants of the sessions of an application."""

    store: Store
    _app: str
    _clock: Clock
    _endings: Endings
    _everywhere: Everywhere | None

    async def find(
        self, *, principal: str | None = None, ref: str | None = None, limit: int = 100, after: str = ""
    ) -> list[Record]:
        """Live sessions of this application, in the order of their refs; `after` the last ref of the page before.

        Raises `SettingError` when the store cannot be searched.
        """
        lists = power(self.store, Lists)
        if lists is None:
            raise SettingError(f"sessions cannot be searched for: {lacks(self.store, 'find', 'Lists')}")
        if not all(each is None or is_text(each) for each in (principal, ref, after)):
            return []  # nothing bears such a name, and a store that refuses it would be taken for one that is away
        return await lists.find(Query(app=self._app, principal=principal, ref=ref), limit=limit, after=after)

    async def end(self, ref: str, *, everywhere: bool = False) -> bool:
        """End the session of that ref, wherever it is in use. False when there is none.

        `everywhere`: where several applications share its id, end theirs as well.
        """
        found = await self.find(ref=ref)
        ended = False
        if everywhere and self._everywhere is not None:
            ended = any([await self._everywhere.end(record.key, "revoked") for record in found])
        return any([await self._endings.end(record, "revoked") for record in found]) or ended

    async def end_all(self, *, principal: str, but: str | None = None) -> int:
        """End all sessions of `principal`, except that of the ref `but`. Returns how many there were."""
        if not isinstance(principal, str):  # None would be everybody
            raise SettingError(f"end_all(principal={principal!r}): give a str; to end all there are: end_everything()")
        return await self._end_all(principal, but)

    async def end_everything(self) -> int:
        """End all sessions of this application, whoever has them. Returns how many there were.

        When it returns, every session has ended that was stored when it was called, on all nodes, whatever their
        requests did meanwhile; what began since may live on. It costs one operation a session, a hundred at a time, and
        one for each hundred. Sessions end while it runs, not all at its start; if it is cancelled or fails, those that
        have ended stay ended, and it can be called again.
        """
        return await self._end_all(None, None)

    async def _end_all(self, principal: str | None, but: str | None) -> int:
        if is_remote(self.store) and (opens := power(self.store, Opens)) is not None:
            await opens.open()  # or it would begin by the clock of this machine
        find = partial(self.find, principal=principal)
        return await self._endings.end_all(find, but=but, begun=self._clock())
