"""Pyramid's tests of its sessions in cookies, with a factory of ours; what their cookies hold is put into a store."""

from __future__ import annotations

import unittest
from typing import Any

import tests.test_session  # type: ignore[import-untyped]  # Pyramid's
from plugs.stores import fresh, kept  # type: ignore[import-not-found]  # on the path of the run

from sojourn import Cookie, Session, Sessions
from sojourn.inbound.bridge import wait
from sojourn.inbound.pyramid import session_factory
from sojourn.store import open_store


class TestPyramid(tests.test_session.SharedCookieSessionTests, unittest.TestCase):  # type: ignore[misc]
    def setUp(self) -> None:
        self.store = open_store(fresh())

    def _sessions(self, **settings: Any) -> Sessions:
        sessions = Sessions(self.store, cookie=Cookie(name="session"), **settings)
        kept(sessions)
        return sessions

    def _makeOne(self, request: Any, **_: Any) -> Session:  # noqa: N802 - as it is called there
        request.environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in request.cookies.items())
        return session_factory(self._sessions())(request)

    def _serialize(self, value: Any) -> str:
        if not isinstance(value, tuple):
            return str(value)
        renewed, _, state = value
        sessions = self._sessions(clock=lambda: renewed)
        session = wait(sessions.load(None))
        session.update(state)
        wait(_saved(sessions, session))
        return session.id


async def _saved(sessions: Sessions, session: Session) -> None:
    await sessions.keeper.save(session)
