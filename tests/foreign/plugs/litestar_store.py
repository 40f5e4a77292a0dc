"""Litestar's tests of a store, with one that keeps each value in a session of ours, for as long as it is told to."""

from __future__ import annotations

import base64
import hashlib
import math
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine  # type: ignore[import-not-found]  # it is fetched
from plugs.stores import fresh, kept  # type: ignore[import-not-found]  # on the path of the run

from sojourn import Lifetime, Session, Sessions
from sojourn.core.ids import SessionId

NEVER = Lifetime(idle=None)


class Store:
    """What `litestar.stores.base.Store` asks for."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def set(self, key: str, value: str | bytes, expires_in: int | timedelta | None = None) -> None:
        session = await self._find(key)
        session["value"] = value.encode() if isinstance(value, str) else value
        await self._keep(session, NEVER if expires_in is None else Lifetime(idle=expires_in))

    async def get(self, key: str, renew_for: int | timedelta | None = None) -> Any:
        session = await self._find(key)
        value = session.get("value")
        if value is not None and renew_for is not None:
            await self._keep(session, Lifetime(idle=renew_for))
        return value

    async def delete(self, key: str) -> None:
        session = await self._find(key)
        session.end()
        await self._sessions.commit(session)

    async def delete_all(self) -> None:
        await self._sessions.end_everything()

    async def exists(self, key: str) -> bool:
        return not (await self._find(key)).is_new

    async def expires_in(self, key: str) -> int | None:
        session = await self._find(key)
        if session.is_new:
            return None
        expires_at = session.expires_at or 0
        return -1 if expires_at == math.inf else int(expires_at - time.time())

    async def _find(self, key: str) -> Session:
        digest = hashlib.sha256(key.encode()).digest()
        given = SessionId(base64.urlsafe_b64encode(digest).decode().rstrip("="))
        session = await self._sessions.load(given)
        session._next_id = given
        return session

    async def _keep(self, session: Session, lifetime: Lifetime) -> None:
        session["idle"] = lifetime.idle_seconds  # a change, which is stored at once
        session.lifetime = lifetime
        await self._sessions.keeper.save(session)


@pytest.fixture
def store() -> Store:
    return Store(kept(Sessions(fresh(), clock=time.time)))


@pytest.fixture
def frozen_datetime() -> Iterator[Any]:
    with time_machine.travel(datetime.utcnow, tick=False) as frozen:
        yield frozen
