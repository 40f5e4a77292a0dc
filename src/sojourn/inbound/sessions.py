"""Sessions: open before the application runs, commit when it has."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from sojourn.core import cookies, events
from sojourn.core.cookies import Cookie
from sojourn.core.events import Listener
from sojourn.core.ids import SessionId
from sojourn.core.lifetime import Clock, Lifetime
from sojourn.core.outcome import Outcome
from sojourn.core.record import Record
from sojourn.core.session import Session, Stage
from sojourn.errors import SessionEnded, SettingError
from sojourn.inbound.commits import Commits, Rules
from sojourn.inbound.ending import Endings, Sweeper
from sojourn.inbound.keeper import Keeper
from sojourn.inbound.listeners import Listeners
from sojourn.store.base import Lists, Opens, Query, Store, Sweeps, power
from sojourn.store.url import open_store

__all__ = ["Sessions"]

CANDIDATES = 4  # ids of one request that are looked up, when their name lets others plant some


class Sessions:
    """The sessions of an application's visitors: one object, made once, shared by all its requests.

    Nothing is opened until the first use; every process, and every event loop, uses it as its own.
    """

    def __init__(
        self,
        store: str | Store = "memory:",
        *,
        app: str = "default",
        cookie: Cookie | None = None,
        lifetime: Lifetime | None = None,
        save: Literal["sync", "manual"] = "sync",
        touch: Literal["used", "always"] = "used",
        on_error: Literal["discard", "save"] = "discard",
        on_conflict: Literal["merge", "fail"] = "merge",
        skip: Sequence[str] = (),
        clock: Clock = time.time,
        node: str | None = None,
    ) -> None:
        """Settings; each has a default that is safe.

        - `store`: an address (see `open_store`) or a `Store`. The default lives and dies with the process.
        - `app`: the application's name. Sessions of different names are strangers, also in one store.
        - `cookie`, `lifetime`: see there.
        - `save`: `"sync"` stores changes before the response starts; `"manual"` only with `await session.save()`.
        - `touch`: which requests put off the end of a session: those that used it, or `"always"` all that carry it.
        - `on_error`: what becomes of changes when the handler raised or answered 500 or above.
        - `on_conflict`: two requests changed the same attribute: the later one wins, or is refused with 409.
        - `skip`: beginnings of paths that have no session (static files, health checks): nothing is loaded there.
        - `clock`: tells the time in seconds since the epoch. `node`: a name for this process.

        Raises `SettingError`.
        """
        _check_choices(save=save, touch=touch, on_error=on_error, on_conflict=on_conflict)
        _check_names(app, skip)
        self.cookie = cookie if cookie is not None else Cookie()
        self.lifetime = lifetime if lifetime is not None else Lifetime()
        self.store: Store = open_store(store, clock=clock) if isinstance(store, str) else store
        _check_kinds(cookie=self.cookie, lifetime=self.lifetime, store=self.store)
        self._app = app
        self._manual = save == "manual"
        self._save_failed = on_error == "save"
        self.touches_always = touch == "always"  # read for each response by the sides
        self._skip = tuple(skip)
        self._clock = clock
        self._id_name = self.cookie.name.encode()
        self._version_name = self.cookie.version_name.encode()
        self._listeners = Listeners()
        self._endings = Endings(self.store, self._listeners)
        sweeps = power(self.store, Sweeps)
        self._sweeper = None if sweeps is None else Sweeper(sweeps, self._endings)
        rules = Rules(
            app=app,
            node=node if node is not None else f"{platform.node()}:{os.getpid()}",
            lifetime=self.lifetime,
            clock=clock,
            touch_always=self.touches_always,
            refuse_contradictions=on_conflict == "fail",
        )
        self._commits = Commits(self.store, rules, self._listeners, self._endings)
        self._keeper = Keeper(self.store, self._commits, clock)

    # --- a request -----------------------------------------------------------------------------------------------

    def fresh(self, headers: Sequence[bytes], path: str = "/") -> Session | None:
        """The session of a request that has none yet, without asking the store; None when it has to be opened.

        `headers`: the values of its Cookie headers.
        """
        if self._skip and path.startswith(self._skip):
            session = Session(None, self._clock())
            session.advance(Stage.SKIPPED)
            return session
        for header in headers:
            if self._id_name in header:
                return None
        return Session(None, self._clock(), self._keeper)

    async def open(self, headers: Sequence[bytes]) -> Session:
        """The session of a request with these Cookie headers. Raises `StoreUnavailable`.

        Asks the store only when one of them carries an id that can be ours.
        """
        given, record = await self._find(cookies.values(headers, self._id_name))
        told = self._told(headers) if record is not None else None
        return Session(record, self._clock(), self._keeper, given=given, told=told)

    async def commit(self, session: Session, *, failed: bool = False, counts: bool = True) -> list[bytes]:
        """Carry out what the request did with its session. Returns the values of the Set-Cookie headers to send.

        `failed`: the handler raised or answered 500 or above. `counts`: whether it puts off the end though it changed
        nothing. Can be called again for what comes later in the same request. Raises `NotStorable`, `Contradiction`,
        `Overtaken` or `StoreUnavailable`; then nothing was written.
        """
        if not session.looked and not self.touches_always:
            return []
        dropped = self._manual or (failed and not self._save_failed)
        changes = {} if dropped else session.changes()
        if session.stage is Stage.STARTED and not (changes or counts or session.ended or session.renewing):
            return []  # nothing has come since the response started
        outcome = await self._commits.commit(session, changes, counts=counts)
        return [] if session.stage is not Stage.OPEN else self._set_cookies(session, outcome)

    def close_session(self, session: Session) -> None:
        """Refuse further use: its request is over. Announces what could not be read."""
        session.advance(Stage.CLOSED)
        if not session.looked or not self._listeners:
            return
        for name, reason in session.unreadable.items():
            if name:
                self._tell(events.AttributeUnreadable(ref=session.ref, app=self._app, name=name, reason=reason))
            else:
                self._tell(events.SessionUnreadable(ref="", app=self._app, reason=reason))

    # --- outside of requests -------------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every event of this process from now on."""
        self._listeners.add(listener)

    async def start(self) -> None:
        """Open the store and begin to sweep. Not needed, but raises `StoreUnavailable` early rather than late."""
        if (opens := power(self.store, Opens)) is not None:
            await opens.open()
        if self._sweeper is not None:
            self._sweeper.start()

    async def close(self) -> None:
        """Finish what is being written, and close the store."""
        if self._sweeper is not None:
            await self._sweeper.stop()
        await self._keeper.finish()
        await self._commits.finish()
        if (opens := power(self.store, Opens)) is not None:
            await opens.close()

    async def flush(self) -> None:
        """Write the times of use that are waiting to be written."""
        await self._commits.touches.flush()

    async def sweep(self) -> int:
        """Remove and announce what has expired, now. Returns how many sessions that were; 0 where the store does so."""
        return await self._sweeper.sweep() if self._sweeper is not None else 0

    async def find(
        self, *, principal: str | None = None, ref: str | None = None, limit: int = 100, after: str = ""
    ) -> list[Record]:
        """Live sessions of this application, in the order of their refs; `after` the last ref of the page before.

        Raises `SettingError` when the store cannot be searched.
        """
        lists = power(self.store, Lists)
        if lists is None:
            raise SettingError(f"{type(self.store).__name__} cannot be searched: it lacks `find` (see store.Lists)")
        return await lists.find(Query(app=self._app, principal=principal, ref=ref), limit=limit, after=after)

    async def end(self, ref: str) -> bool:
        """End the session of that ref, wherever it is in use. False when there is none."""
        return any([await self._endings.end(record, "revoked") for record in await self.find(ref=ref)])

    async def end_all(self, *, principal: str, but: str | None = None) -> int:
        """End all sessions of `principal`, except that of the ref `but`. Returns how many there were."""
        ended, after = 0, ""
        while page := await self.find(principal=principal, after=after):
            ended += sum([await self._endings.end(record, "revoked") for record in page if record.ref != but])
            after = page[-1].ref
        return ended

    @asynccontextmanager
    async def access(self, ref: str) -> AsyncIterator[Session]:
        """The session of that ref, outside of its requests; what was changed is stored at the end of the block.

        For background work, and for connections that outlive their request. A change puts off the end, as ever. Raises
        `SessionEnded` when there is none.
        """
        found = await self.find(ref=ref)
        if not found:
            raise SessionEnded(f"there is no session {ref}")
        session = Session(found[0], self._clock(), self._keeper)
        session.advance(Stage.STARTED)
        try:
            yield session
            await self._commits.commit(session, session.changes(), counts=False)
        finally:
            self.close_session(session)

    # --- opening -------------------------------------------------------------------------------------------------

    async def _find(self, values: Sequence[bytes]) -> tuple[SessionId | None, Record | None]:
        """The first id that is one of ours, with its record; the first that could be, when none is."""
        if self._sweeper is not None:
            self._sweeper.start()
        if len(values) > 1 and self.cookie.prefixed:
            # Browsers keep one cookie of such a name: one of these was forged, and it cannot be told which (R09).
            self._tell(events.IdRefused(ref="", app=self._app))
            return None, None
        first = None
        for value in values[:CANDIDATES]:
            given = SessionId.parse(value)
            if given is None:
                continue
            record = await self.store.load(given.key, self._app)
            if record is not None:
                return given, record
            first = first or given
        return first, None

    def _told(self, headers: Sequence[bytes]) -> int | None:
        """The version that the request tells; None when it tells none, or none that can be one."""
        values = cookies.values(headers, self._version_name)
        if len(values) != 1 or len(values[0]) > 15 or not values[0].isdigit():
            return None
        return int(values[0])

    # --- committing ----------------------------------------------------------------------------------------------

    def _set_cookies(self, session: Session, outcome: Outcome) -> list[bytes]:
        cookie = self.cookie
        if outcome.clear:
            return [cookie.clear(cookie.name), cookie.clear(cookie.version_name)]
        lines = []
        given_out = outcome.set_id or session.owed_id
        if given_out is not None:
            lines.append(cookie.set(cookie.name, given_out.secret))
        if outcome.set_version is not None:
            lines.append(cookie.set(cookie.version_name, str(outcome.set_version)))
        return lines

    def _tell(self, event: events.Event) -> None:
        self._listeners.tell(event)


_CHOICES = {
    "save": ("sync", "manual"),
    "touch": ("used", "always"),
    "on_error": ("discard", "save"),
    "on_conflict": ("merge", "fail"),
}


def _check_choices(**settings: str) -> None:
    for name, value in settings.items():
        if value not in _CHOICES[name]:
            raise SettingError(f"Sessions({name}={value!r}): give {' or '.join(map(repr, _CHOICES[name]))}")


def _check_names(app: str, skip: Sequence[str]) -> None:
    if not app:
        raise SettingError("Sessions(app=''): give the application a name")
    if isinstance(skip, str) or not all(path.startswith("/") for path in skip):
        raise SettingError(f"Sessions(skip={skip!r}): give a list of beginnings of paths, as in ['/static/']")


_KINDS: dict[str, tuple[type, str]] = {
    "cookie": (Cookie, "a Cookie"),
    "lifetime": (Lifetime, "a Lifetime"),
    "store": (Store, "an address such as sqlite:///sessions.db, or a Store"),
}


def _check_kinds(**settings: object) -> None:
    for name, value in settings.items():
        kind, wanted = _KINDS[name]
        if not isinstance(value, kind):
            raise SettingError(f"Sessions({name}=…): give {wanted}, not a {type(value).__name__}")
