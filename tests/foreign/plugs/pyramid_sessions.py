"""Pyramid's tests of its sessions in cookies, with a factory of ours; what their cookies hold is put into a store."""

# mypy: ignore-errors

from __future__ import annotations

import itertools
import unittest

import tests.test_session  # Pyramid's

from sojourn import Cookie, Sessions
from sojourn.core.ids import SessionId
from sojourn.inbound.bridge import Bridge, wait
from sojourn.inbound.pyramid import SessionFactory
from sojourn.store.memory import MemoryStore

_ids = itertools.count(1)


class TestPyramid(tests.test_session.SharedCookieSessionTests, unittest.TestCase):
    def setUp(self):
        self.store = MemoryStore()

    def _sessions(self, **settings):
        return Sessions(self.store, cookie=Cookie(name="session"), **settings)

    def _makeOne(self, request, **_):
        cookies = "; ".join(f"{name}={value}" for name, value in request.cookies.items())
        request.environ["HTTP_COOKIE"] = cookies
        return SessionFactory(self._sessions())(request)

    def _serialize(self, value):
        if not isinstance(value, tuple):
            return str(value)
        renewed, _, state = value
        sessions = self._sessions(clock=lambda: renewed)
        session = wait(sessions.load(None))
        session.update(state)
        wait(sessions.keeper.save(session))
        return session.id
