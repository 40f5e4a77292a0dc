"""Outage: what visitors get while the store is away."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any, ClassVar, Literal, get_args

from sojourn.core.lifetime import GRACE, Clock
from sojourn.core.record import Record
from sojourn.errors import Gone, SettingError, StoreUnavailable
from sojourn.store.around import Around
from sojourn.store.base import Keeps, Moves, Opens, Recalls, Store, power

__all__ = ["Outage", "OutageStore"]

Outage = Literal["fail", "read-only", "anonymous"]
"""What a request gets whose session cannot be loaded."""

UNANSWERED = 10_000  # keys that are remembered, whose sessions could not be loaded


class OutageStore(Around):
    """Answers for the store `inner` while that is away. The outermost of the stores around a store.

    ==============  ===========================================  =====================================================
    policy          a session cannot be loaded                   it cannot be stored
    ==============  ===========================================  =====================================================
    ``fail``        the request fails                            the request fails
    ``read-only``   a copy of the near cache, as it was when     the request fails; times of use are dropped
                    the watch broke; else the request fails
    ``anonymous``   the visitor is one without a session         a new session of nobody is dropped, and the response
                                                                 goes out without; everything else fails
    ==============  ===========================================  =====================================================

    A copy is never older than the visitor's cookie tells. While the store is away, what ends elsewhere is not heard of:
    a copy may outlive its session for that long, and no longer than it would live unused.

    A visitor who was served without their session keeps it: nothing takes the place of their cookie, also when the
    store is back before the response is out. They cannot sign in meanwhile, which is an error that they see.
    """

    adds: ClassVar[tuple[type[Any], ...]] = (Opens, Moves)

    def __init__(self, inner: Store, policy: Outage, *, monotonic: Clock = time.monotonic) -> None:
        """`monotonic`: tells for how long a visitor has been served without their session.

        Raises `SettingError` for what is no policy, and for ``read-only`` when `inner` keeps no copies.
        """
        super().__init__(inner)
        if policy not in get_args(Outage):
            raise SettingError(f"outage={policy!r}: give {' or '.join(map(repr, get_args(Outage)))}")
        self._keeps = power(inner, Keeps)
        if policy == "read-only" and self._keeps is None:
            raise SettingError(
                "outage='read-only' serves copies of the near cache, and there is none: give near=Near()"
            )
        self._policy = policy
        self._moves = power(inner, Moves)
        self._recalls = power(inner, Recalls)
        self._monotonic = monotonic
        self._unanswered: OrderedDict[tuple[str, str], float] = OrderedDict()
        self.answered = 0
        """Loads that were answered instead of the store."""
        self.dropped = 0
        """New sessions and times of use that were not stored."""

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`."""
        try:
            record = await self.inner.load(key, app)
        except StoreUnavailable as error:
            return self._instead(error, key, app, 0)
        return self._came(key, app, record)

    async def fetch(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`."""
        try:
            record = await self._asked(Recalls).fetch(key, app, version)
        except StoreUnavailable as error:
            return self._instead(error, key, app, version)
        return self._came(key, app, record)

    def recall(self, key: str, app: str, version: int) -> Record | None:
        """As `Recalls`."""
        return None if self._recalls is None else self._recalls.recall(key, app, version)

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`. Under ``anonymous``, `Gone` for a new session of nobody that cannot be stored."""
        try:
            await self.inner.save(record, over=over)
        except StoreUnavailable:
            if self._policy != "anonymous" or over is not None or record.principal is not None:
                raise
            self.dropped += 1
            raise Gone from None

    async def touch(self, record: Record) -> bool:
        """As `Store`; True for what could not be written, unless the policy is ``fail``."""
        try:
            return await self.inner.touch(record)
        except StoreUnavailable:
            if self._policy == "fail":
                raise
            self.dropped += 1
            return True

    async def moved(self, key: str, app: str) -> bool:
        """As `Moves`; True as well for a key whose session could not be loaded a moment ago.

        A session that is made for its visitor now would take the place of theirs.
        """
        until = self._unanswered.get((key, app))
        if until is not None and self._monotonic() < until:
            return True
        if self._moves is None:
            return False
        try:
            return await self._moves.moved(key, app)
        except StoreUnavailable:
            if self._policy != "anonymous":
                raise
            return True

    def _instead(self, error: StoreUnavailable, key: str, app: str, version: int) -> Record | None:
        """What is answered while the store is away; raises `error` when that is nothing."""
        if self._policy == "read-only" and self._keeps is not None:
            copy = self._keeps.kept(key, app)
            if copy is not None and copy.version >= version:
                self.answered += 1
                return copy
        if self._policy != "anonymous":
            raise error
        self.answered += 1
        self._unanswered.pop((key, app), None)
        self._unanswered[key, app] = self._monotonic() + GRACE
        if len(self._unanswered) > UNANSWERED:
            self._unanswered.popitem(last=False)
        return None

    def _came(self, key: str, app: str, record: Record | None) -> Record | None:
        """The store has answered: where it has no session, there is none whose place could be taken."""
        if record is None and self._unanswered:
            self._unanswered.pop((key, app), None)
        return record
