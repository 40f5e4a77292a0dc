"""Beaker's tests of a backend, with one that keeps each namespace as a session of ours."""

from __future__ import annotations

import base64
import hashlib
import pickle
from typing import Any

import beaker.cache  # type: ignore[import-not-found]  # it is fetched
from beaker.container import NamespaceManager  # type: ignore[import-not-found]
from beaker.synchronization import ConditionSynchronizer  # type: ignore[import-not-found]
from plugs.stores import fresh  # type: ignore[import-not-found]  # on the path of the run
from tests.test_managers import base  # type: ignore[import-untyped]  # Beaker's

from sojourn import Session, Sessions
from sojourn.core.ids import SessionId
from sojourn.inbound.bridge import wait

SESSIONS = Sessions(fresh())
LOCKS: dict[tuple[str, str], Any] = {}


class Namespace(NamespaceManager):  # type: ignore[misc]
    """Values of any kind, as bytes in the attributes of a session."""

    def __init__(self, namespace: str, **_: Any) -> None:
        super().__init__(namespace)
        digest = hashlib.sha256(namespace.encode()).digest()
        self._id = SessionId(base64.urlsafe_b64encode(digest).decode().rstrip("="))

    def get_creation_lock(self, key: str | bytes) -> Any:
        lock = (self.namespace, _name(key))
        return LOCKS.setdefault(lock, ConditionSynchronizer(lock))

    def __getitem__(self, key: str | bytes) -> Any:
        return pickle.loads(self._session()[_name(key)])  # noqa: S301 - what was put there by this test

    def __setitem__(self, key: str | bytes, value: Any) -> None:
        session = self._session()
        session[_name(key)] = pickle.dumps(value)
        self._save(session)

    def __delitem__(self, key: str | bytes) -> None:
        session = self._session()
        del session[_name(key)]
        self._save(session)

    def __contains__(self, key: str | bytes) -> bool:
        return _name(key) in self._session()

    def keys(self) -> list[str]:
        return list(self._session())

    def do_remove(self) -> None:
        session = self._session()
        session.clear()
        self._save(session)

    def _session(self) -> Session:
        return wait(SESSIONS.load(self._id))

    def _save(self, session: Session) -> None:
        session._next_id = self._id
        wait(_saved(session))


def _name(key: str | bytes) -> str:
    return key if isinstance(key, str) else key.decode("ascii")


async def _saved(session: Session) -> None:
    await SESSIONS.keeper.save(session)


beaker.cache.clsmap._clsmap["ext:sojourn"] = Namespace


class TestBeaker(base.CacheManagerBaseTests):  # type: ignore[misc]
    CACHE_ARGS = {"type": "ext:sojourn"}  # noqa: RUF012 - as it is there
    SUPPORTS_EXPIRATION = False  # of single values
    SUPPORTS_TIMEOUT = False  # as an attribute of the namespace
