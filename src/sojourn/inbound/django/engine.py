"""Engine: the sessions of `django.contrib.sessions`, kept by Sojourn."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any

from django.contrib.sessions.backends.base import CreateError, UpdateError

from sojourn.inbound.bridge import wait
from sojourn.inbound.django.inner import ENDED, Inner
from sojourn.inbound.django.settings import get_sessions

__all__ = ["SessionStore"]


class SessionStore(Inner):
    """`request.session`: Django's session, and what Sojourn's has beside.

    Each sync method is its async twin, waited for.
    """

    _deleted = False

    def load(self) -> dict[str, Any]:
        """What is stored by now, whatever was done here."""
        return wait(self.aload())

    async def aload(self) -> dict[str, Any]:
        """As `load`."""
        session = await self._find(self._session_key)
        if session.record is None:
            self._session_key = None
        return dict(session)

    def exists(self, session_key: str | None) -> bool:
        """Whether there is such a session."""
        return wait(self.aexists(session_key))

    async def aexists(self, session_key: str | None) -> bool:
        """As `exists`."""
        return (await self._find(session_key)).record is not None

    def save(self, must_create: bool = False) -> Awaitable[None]:  # type: ignore[override]  # noqa: FBT001, FBT002
        """Store the changes now, and the session though it is empty. Raises `UpdateError` when it has ended.

        `must_create`: raise `CreateError` when it is stored already. It is done when this returns; to await that is for
        code that is written for Sojourn's sessions.
        """
        wait(self.asave(must_create))
        return _Done()

    async def asave(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002
        """As `save`."""
        session = await self._aget_session()
        if session.ended or self._deleted:
            raise UpdateError(ENDED)
        if must_create and session.record is not None:
            raise CreateError
        await self._establish(session, changes=True)

    def create(self) -> None:
        """Store what there is as a new session, though it is empty."""
        wait(self.acreate())

    async def acreate(self) -> None:
        """As `create`."""
        session = await self._aget_session()
        if session.record is not None:
            another = await self._sessions.load(None)
            another.update(session)
            session = self._replace(another)
        await self._establish(session, changes=True)

    def cycle_key(self) -> None:
        """Give the session a new key. The old one is worth nothing any more; in a visit, once that is answered."""
        wait(self.acycle_key())

    async def acycle_key(self) -> None:
        """As `cycle_key`."""
        session = await self._aget_session()
        session.renew()
        if self.visit is None:
            await self._establish(session, changes=False)
            self._cycled = True
        self._session_key, self.modified = session.id, True

    def delete(self, session_key: str | None = None) -> None:
        """End the session of that key, by default this one, wherever it is in use."""
        wait(self.adelete(session_key))

    async def adelete(self, session_key: str | None = None) -> None:
        """As `delete`."""
        self._deleted = self._deleted or session_key in (None, self._session_key)
        session = await self._find(session_key or self._session_key)
        if session.record is not None:
            session.end()
            await self._sessions.keeper.establish(session, {})

    def flush(self) -> None:
        """End the session, and go on with an empty one."""
        wait(self.aflush())

    async def aflush(self) -> None:
        """As `flush`."""
        session = await self._aget_session()
        self.clears = session.record is not None or not await self._left_behind(session)
        if session.record is not None:
            if not session.ended:
                session.end()
            await self._sessions.keeper.establish(session, {})
        self._replace(await self._sessions.load(None)).mark_accessed()
        self._session_key, self._deleted, self.modified = None, False, True

    def end(self, *, everywhere: bool = False) -> None:
        """As `Session`: with the answer of a visit, else at once. It cannot be used then; after `flush` it can."""
        session = self._session
        session.end(everywhere=everywhere)
        if self.visit is None:
            wait(self._sessions.keeper.establish(session, {}))
            self._session_key = None

    @classmethod
    def clear_expired(cls) -> None:
        """Remove what has expired, and announce it."""
        wait(cls.aclear_expired())

    @classmethod
    async def aclear_expired(cls) -> None:
        """As `clear_expired`."""
        await get_sessions().sweep()


class _Done(Awaitable[None]):
    """What was waited for already."""

    def __await__(self) -> Generator[Any, Any, None]:
        yield from ()
