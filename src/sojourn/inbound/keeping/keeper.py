"""Keeper: saves a session during its request, and keeps others out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from sojourn.chance import chance
from sojourn.core.keeper import Exclusive
from sojourn.core.lifetime import Clock
from sojourn.core.merge import Changes
from sojourn.core.session import Session
from sojourn.errors import Occupied, ResponseStarted, SessionEnded, SettingError
from sojourn.inbound.keeping.commits import Commits
from sojourn.inbound.keeping.lease import Lease
from sojourn.inbound.keeping.rules import lacks
from sojourn.inbound.keeping.turns import Turn, Turns
from sojourn.store.base import Leases, Store, power

__all__ = ["Keeper"]

# Seconds between two questions whether another node has finished: they grow from the first to the last. Those of one
# node queue for their turn, so one of them asks.
PAUSE, LONGEST = 0.002, 0.025


class Keeper:
    """What sessions ask for while their requests go on (see `sojourn.core.keeper`)."""

    def __init__(self, store: Store, commits: Commits, clock: Clock) -> None:
        """`clock`: tells the time in seconds since the epoch."""
        self._store = store
        self._leases = power(store, Leases)
        self._commits = commits
        self._clock = clock
        self._turns = Turns()
        self._leaving: set[asyncio.Task[None]] = set()

    async def save(self, session: Session) -> None:
        """As `Session.save`."""
        await self._commits.commit(session, session.pending(), counts=True)
        _refuse_ended(session)

    async def establish(self, session: Session, changes: Changes) -> None:
        """Store `changes`, and that there is the session at all, empty or not, under the id that it is to have.

        For frameworks that promise that at once; a renewal or an end is carried out, too. Raises as `Session.save`.
        """
        ends = session.ended
        await self._commits.commit(session, changes, counts=True, fences=session.record is None or session.record.blank)
        if not ends:
            _refuse_ended(session)

    def exclusive(self, session: Session, *, wait: float) -> Exclusive:
        """As `Session.exclusive`."""
        if self._leases is None:
            raise SettingError(f"session.exclusive(): {lacks(self._store, 'hold', 'Leases')}")
        if not wait >= 0:  # nor NaN
            raise SettingError(f"session.exclusive(wait={wait!r}): give a number of seconds, 0 or more")
        return Exclusive(self._exclusive(self._leases, session, wait))

    async def finish(self) -> None:
        """Wait for blocks that were cancelled while they ended."""
        loop = asyncio.get_running_loop()
        if leaving := [task for task in list(self._leaving) if task.get_loop() is loop]:
            await asyncio.wait(leaving)

    @asynccontextmanager
    async def _exclusive(self, leases: Leases, session: Session, wait: float) -> AsyncIterator[None]:
        if session.record is None:  # nobody else can have it
            yield
            return
        if session.record.blank:  # another request may be about to begin it
            await self._commits.commit(session, session.pending(), counts=True, fences=True)
            _refuse_ended(session)
        outer = _within.get()
        block = next((each for each in outer if each.holds(session)), None)
        if block is not None:
            block.inner += 1
            try:
                yield
            finally:
                block.inner -= 1
                if not block.inner and block.over:  # a task that outlived the block
                    await self._leave(block.end(failed=False))
            return
        deadline = asyncio.get_running_loop().time() + wait
        async with _queueing(self._turns.take(session.ref), deadline, _occupied(session, wait)):
            lease = Lease(leases, session.record, self._clock)
            try:
                await self._begin(session, lease, deadline, _occupied(session, wait))
            except BaseException:
                await self._leave(lease.release())
                raise
            block = _Block(self, session, lease)
            _within.set((*outer, block))
            try:
                yield
            except BaseException:
                await self._leave(block.end(failed=True))
                raise
            finally:
                _within.set(outer)
            await self._leave(block.end(failed=False))

    async def _begin(self, session: Session, lease: Lease, deadline: float, occupied: Occupied) -> None:
        """Take the session, and fence it: make a new version, so that who had it before cannot save over that."""
        loop, pause = asyncio.get_running_loop(), PAUSE
        while True:
            _refuse_ended(session)
            if await lease.take():
                outcome = await self._commits.commit(session, session.pending(), counts=True, fences=True)
                _refuse_ended(session)
                if outcome.write != "save":
                    raise ResponseStarted("a sign-in or renewal of this session came too late to be carried out")
                if not lease.lost:
                    break
            if loop.time() >= deadline:
                raise occupied
            await asyncio.sleep(min(pause * chance.uniform(0.5, 1.5), deadline - loop.time()))
            pause = min(pause * 1.5, LONGEST)
        session.refresh()
        session.right = lease
        lease.keep()

    async def _leave(self, ending: Coroutine[Any, Any, None]) -> None:
        # In a task of its own: who is cancelled now still gives the session back, when the last write is done.
        task = asyncio.get_running_loop().create_task(ending)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        await asyncio.shield(task)


class _Block:
    """What stands between `async with session.exclusive()` and its end."""

    def __init__(self, keeper: Keeper, session: Session, lease: Lease) -> None:
        """`lease`: that was taken for it."""
        self.inner = 0
        """How many blocks within it are not over yet."""
        self.over = False
        self._keeper = keeper
        self._session = session
        self._lease = lease

    def holds(self, session: Session) -> bool:
        """Whether `session` is the one, and still held."""
        return self._session is session and not (self.over and not self.inner)

    async def end(self, *, failed: bool) -> None:
        """Store the changes, or drop them, and give the session back."""
        session = self._session
        self.over = True
        try:
            if not failed and not session.ended:  # an end is carried out with the answer, which clears the cookies
                await self._keeper.save(session)
        except BaseException:
            failed = True
            raise
        finally:
            try:
                if failed:  # without the right to the session, nothing of it may be stored later either
                    session.revert()
            finally:
                if not self.inner:
                    if session.right is self._lease:
                        session.right = None
                    await self._lease.release()


_within: ContextVar[tuple[_Block, ...]] = ContextVar("_within", default=())


@asynccontextmanager
async def _queueing(turn: Turn, deadline: float, occupied: Occupied) -> AsyncIterator[None]:
    """The turn, if it comes before the deadline."""
    try:
        async with asyncio.timeout_at(deadline):
            await turn.__aenter__()
    except TimeoutError:
        raise occupied from None
    try:
        yield
    finally:
        await turn.__aexit__(None, None, None)


def _occupied(session: Session, wait: float) -> Occupied:
    return Occupied(f"session {session.ref}: others had it to themselves for {wait:g} s; try again")


def _refuse_ended(session: Session) -> None:
    if session.ended:
        raise SessionEnded(f"session {session.ref} has ended elsewhere; what was to be saved was not")
