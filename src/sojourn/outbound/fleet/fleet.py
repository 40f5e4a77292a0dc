"""Fleet: the sessions that all nodes hold together.

A session is stored when it has begun, and when its cookies or its token have changed; whoever is to sign in looks there
first. Each principal has one record in each scope, whichever session is in it, so that of two nodes that sign in at the
same moment one is told that the other was first. Between two calls a store is never waited for.
"""

from __future__ import annotations

import base64
import hmac
import math
from collections.abc import Generator
from functools import partial
from typing import Any

import msgspec

from sojourn.core.ids import new_ref
from sojourn.core.lifetime import Clock, Lifetime
from sojourn.core.record import BACKENDS, Record
from sojourn.errors import Conflict, Gone, SettingError, StoreError
from sojourn.outbound.fleet.packing import pack, unpack
from sojourn.outbound.jar import Jar
from sojourn.outbound.keeping.place import Place
from sojourn.outbound.keeping.session import BackendSession
from sojourn.outbound.messages import Do
from sojourn.outbound.telling import Telling
from sojourn.store.base import Lists, Opens, Query, Store, power
from sojourn.store.stack import innermost

__all__ = ["Fleet"]

PAUSE = 5.0  # seconds after a failure of the store until it is asked again
TRIES = 3  # of one call to store what has changed: another node may be faster each time
PAGE = 100

Doing = Generator[Any, Any, None]


class Fleet:
    """What one node knows of the others. The store being away is an error for nobody: each node is on its own then."""

    def __init__(
        self,
        store: Store,
        key: bytes,
        *,
        url: str,
        node: str,
        jar: Jar,
        clock: Clock,
        shared_clock: Clock,
        idle: float,
        telling: Telling,
        owns: bool,
    ) -> None:
        """`url`: of the back end. `clock`: this node's. `shared_clock`: the store's. `owns`: it is to close `store`.

        Raises `SettingError` for a store that cannot be searched.
        """
        lists = power(store, Lists)
        if lists is None:
            raise SettingError(
                f"Backend(store=…): {type(innermost(store)).__name__} lacks `find` (see sojourn.store.Lists), by which "
                "a user is forgotten"
            )
        self._lists = lists
        self.store = store
        self.app = BACKENDS + url
        self._key = key
        self._url = url
        self._node = node
        self._jar = jar
        self._clock = clock
        self._shared_clock = shared_clock
        self._lifetime = Lifetime(idle=idle)
        self._telling = telling
        self._owns = owns
        self._asks_at = -math.inf
        self._away = False

    def seek(self, place: Place) -> Generator[Any, Any, BackendSession | None]:
        """The session of another node, for whoever is to sign in; None where there is none that could work."""
        if self._clock() < self._asks_at:
            return None
        try:
            record = yield Do(partial(self.store.load, self._key_of(place), self.app))
        except StoreError as error:
            self._fails(place, None, error)
            return None
        self._away = False
        place.entry.record = record
        session = None if record is None else self._session(record)
        if session is None or self._clock() - session.used_at > self._lifetime.idle_seconds:
            return None
        return session if place.entry.offers(session, record) else None

    def due(self, place: Place) -> bool:
        """Whether there is something to store, or a time of use worth it."""
        session = place.value
        return (
            session is not None
            and not place.ended
            and not session.signs_always
            and (session.changed or (session.shared and session.used_at - session.kept_at >= self._lifetime.slack))
            and session.used_at >= self._asks_at
            and len(session.jar) > 0
        )

    def keep(self, place: Place) -> Doing:
        """Store what the session of `place` has become. Raises nothing but what interrupts it."""
        for _ in range(TRIES):  # once more for what has changed meanwhile, here or on another node
            session = place.value
            if session is None or not self.due(place) or not place.entry.hold():
                return
            try:
                yield from self._save(place, session) if session.changed else self._touch(place, session)
                self._away = False
            except StoreError as error:
                self._fails(place, session, error)
            finally:
                place.entry.release()

    def end(self, scope: str) -> Generator[Any, Any, list[BackendSession]]:
        """Take all sessions of a scope out of the store. Raises `StoreError`."""
        ended: list[BackendSession] = []
        after = ""
        query = Query(app=self.app, principal=self._hidden("scope", scope)[:_NAME])
        while True:
            page: list[Record] = yield Do(partial(self._lists.find, query, limit=PAGE, after=after))
            for record in page:
                deleted = yield Do(partial(self.store.delete, record.key, self.app))
                if deleted and (session := self._session(record)) is not None:
                    ended.append(session)
            if len(page) < PAGE:
                return ended
            after = page[-1].ref

    async def aclose(self) -> None:
        """Close the store, if it is this fleet's own."""
        if self._owns and (opens := power(self.store, Opens)) is not None:
            await opens.close()

    def _save(self, place: Place, session: BackendSession) -> Doing:
        session.changed, settled = False, False
        try:
            settled = yield from self._stored(place, session)
        finally:
            session.changed = session.changed or not settled

    def _stored(self, place: Place, session: BackendSession) -> Generator[Any, Any, bool]:
        """Store it once; whether that is over, one way or the other."""
        record = self._record(place, session)
        try:
            yield Do(partial(self.store.save, record, over=place.entry.record))
        except Conflict as conflict:
            return (yield from self._met(place, session, conflict.stored))
        except Gone:
            place.entry.record = None
            if session.shared:
                place.retire(session)
            return session.shared
        place.entry.record, session.shared, session.kept_at = record, True, session.used_at
        if place.forgotten:  # meanwhile
            yield Do(partial(self.store.delete, record.key, self.app))
        return True

    def _met(self, place: Place, session: BackendSession, stored: Record | None) -> Generator[Any, Any, bool]:
        """Another node was faster: what is to be done now; whether `session` is not to be stored any more."""
        if stored is None:
            stored = yield Do(partial(self.store.load, self._key_of(place), self.app))
        theirs = None if stored is None else self._session(stored)
        if (
            stored is not None
            and theirs is not None
            and theirs.ref != session.ref
            and place.entry.offers(theirs, stored)
        ):
            self._adopt(place, session, theirs, stored)
            return True
        before, place.entry.record = place.entry.record, stored
        if stored is None:  # it does not open, with these keys, and would be in the way until it expires
            yield Do(partial(self.store.delete, self._key_of(place), self.app))
            return False
        if theirs is None or theirs.ref != session.ref:
            return False
        base = None if before is None else self._session(before)
        since = base if base is not None and base.ref == session.ref else theirs
        session.jar.merge(theirs.jar, since=since.jar)
        if session.token.value in (None, since.token.value):
            session.token.value = theirs.token.value
        session.proven = session.proven or theirs.proven
        session.shared = True
        return False

    def _adopt(self, place: Place, session: BackendSession, theirs: BackendSession, stored: Record) -> None:
        """Have calls go on with the session of another node; and ours be closed, unless that one is its renewal."""
        if not place.replace(session, theirs):  # what is there instead is for whoever stores that
            return
        self._telling.adopted(place, theirs)
        session.leave()  # or calls that go on in it, and have to sign in anew, would wait for its room
        known, place.entry.record = place.entry.record, stored
        if not (session.shared and known is not None and known.ref == stored.ref):
            session.shared = False
            place.superseded.append(session)

    def _touch(self, place: Place, session: BackendSession) -> Doing:
        """Store when it was used, and learn what other nodes have made of it meanwhile."""
        there: Record | None = yield Do(partial(self.store.load, self._key_of(place), self.app))
        session.kept_at = session.used_at
        known = place.entry.record
        if there is not None and (known is None or (there.ref, there.version) != (known.ref, known.version)):
            adopted = yield from self._met(place, session, there)
            if adopted:
                return
        touched = there is not None and (yield Do(partial(self.store.touch, self._used(there))))
        if not touched:
            place.entry.record = None
            place.retire(session)

    def _used(self, record: Record) -> Record:
        now = self._shared_clock()
        return msgspec.structs.replace(record, accessed_at=now, expires_at=self._lifetime.expires_at(now, math.inf))

    def _record(self, place: Place, session: BackendSession) -> Record:
        now, key, there = self._shared_clock(), self._key_of(place), place.entry.record
        return Record(
            key=key,
            app=self.app,
            ref=new_ref() if there is None else there.ref,
            principal=self._hidden("scope", place.scope)[:_NAME],
            epoch=0,
            version=1 if there is None else there.version + 1,
            created_at=now if there is None else there.created_at,
            accessed_at=now,
            renewed_at=now,
            expires_at=self._lifetime.expires_at(now, math.inf),
            absolute_at=math.inf,
            node=self._node,
            data=pack(session),
        )

    def _session(self, record: Record) -> BackendSession | None:
        idle = max(0.0, self._shared_clock() - record.accessed_at)
        session = unpack(record.data, self._jar, self._clock() - idle)
        if session is not None:
            session.shared, session.kept_at = True, session.used_at
        return session

    def _key_of(self, place: Place) -> str:
        if not place.entry.key:
            auth = place.auth
            identity, secret = (auth.identity, auth.secret.hex()) if auth is not None else ("", "")
            place.entry.key = self._hidden("place", place.scope, identity, secret, str(auth is None))[:_KEY]
        return place.entry.key

    def _hidden(self, *parts: str) -> str:
        """By what nobody learns the parts who has not the key: none of them can be tried out."""
        told = msgspec.json.encode(("sojourn fleet", self._url, *parts))
        return base64.urlsafe_b64encode(hmac.digest(self._key, told, "sha512")).decode()

    def _fails(self, place: Place, session: BackendSession | None, error: StoreError) -> None:
        self._asks_at = self._clock() + PAUSE
        if not self._away:
            self._away = True
            self._telling.alone(place, session, str(error))


_KEY = 45  # characters of a record's key
_NAME = 43  # of 256 bits
