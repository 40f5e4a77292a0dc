"""Sessions: open before the application runs, commit when it has."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal, TypeVar, cast

from sojourn.core import events
from sojourn.core.cookies import Cookie
from sojourn.core.events import Listener, Listeners
from sojourn.core.lifetime import Clock, Lifetime
from sojourn.core.outcome import Outcome
from sojourn.core.record import Record
from sojourn.core.session import Session, Stage
from sojourn.errors import SessionEnded, SojournError
from sojourn.inbound.ending import Endings, Limit, Sweep, Sweeper
from sojourn.inbound.keeping.checking import Check, kind_of
from sojourn.inbound.keeping.commits import Commits
from sojourn.inbound.keeping.keeper import Keeper
from sojourn.inbound.keeping.rules import (
    Choices,
    Rules,
    behind_of,
    check_kinds,
    check_limit,
    check_names,
    near_of,
)
from sojourn.inbound.lasting import Attending, Sockets
from sojourn.inbound.moving import Predecessor
from sojourn.inbound.moving.takeover import Takeover
from sojourn.inbound.opening.fitting import Fitting
from sojourn.inbound.opening.opening import Opening
from sojourn.inbound.opening.owners import Identity, Strangers, owners_of
from sojourn.inbound.opening.searching import Searching
from sojourn.inbound.sharing import Everywhere, SharedCommits, SharedStore, SharedTracking, check_sharing, sharing
from sojourn.inbound.tracking.certificates import Certificate
from sojourn.inbound.tracking.cookies import SET, CookieTracking, Headers
from sojourn.inbound.tracking.rewriting import Rewriting
from sojourn.inbound.tracking.track import RequestTrack
from sojourn.inbound.tracking.ways import Way, ways_of
from sojourn.store.base import Flushes, Lists, Opens, Recalls, Store, Sweeps, power
from sojourn.store.behind import Behind
from sojourn.store.near import Near
from sojourn.store.outage import Outage
from sojourn.store.stack import NEAR, Outer, clock_of, is_remote, open_patiently, stacked
from sojourn.store.url import open_store

__all__ = ["Sessions"]

E = TypeVar("E", bound=events.Event)


class Sessions(Opening, Searching, Fitting):
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
        save: Literal["sync", "async", "manual"] = "sync",
        write: Behind | None = None,
        near: Near | Literal["remote"] | None = NEAR,
        seal: Sequence[bytes] | None = None,
        touch: Literal["used", "always"] = "used",
        on_error: Literal["discard", "save"] = "discard",
        on_conflict: Literal["merge", "fail"] = "merge",
        contents: Literal["changed", "read", "all"] = "changed",
        limit: Limit | None = None,
        takes_over: Sequence[Predecessor] = (),
        sweep: Sweep | None = None,
        sockets: Sockets | None = None,
        outage: Outage = "fail",
        tracking: Sequence[Way] = ("cookie",),
        rewriting: Rewriting | None = None,
        certificate: Certificate | None = None,
        route: str | None = None,
        share_id: bool = False,
        skip: Sequence[str] = (),
        principal: str | None = None,
        identity: Identity | Literal["request"] | None = None,
        strangers: Strangers = "refuse",
        check: Check = "off",
        clock: Clock | None = None,
        node: str | None = None,
    ) -> None:
        """Settings; each has a default that is safe.

        - `store`: an address (see `open_store`) or a `Store`. The default lives and dies with the process.
        - `app`: the application's name. Sessions of different names are strangers, also in one store.
        - `cookie`, `lifetime`: see there.
        - `save`: `"sync"` stores changes before the response starts; `"async"` a moment later, which needs a balancer
          that keeps visitors at their node and can lose changes (see `Behind`, which `write` takes); `"manual"` only
          with `await session.save()`.
        - `near`: what is kept in the memory of this node (see `Near`); `"remote"`: for a store that costs a round trip.
        - `seal`: keys of 32 bytes, oldest to newest, that what sessions hold is encrypted with (see `SealedStore`).
        - `touch`: which requests put off the end of a session: those that used it, or `"always"` all that carry it.
        - `on_error`: what becomes of changes when the handler raised or answered 500 or above.
        - `on_conflict`: two requests changed the same attribute: the later one wins, or is refused with 409.
        - `contents`: which attributes a change stores, and holds against other requests: those that were changed;
          those that were read as well; or all, so that a session is never put together from what two requests left.
        - `share_id`: the applications over one store that set it share each visitor's id, if their `cookie` is the same
          one, and each keeps a session of its own under it. `session.end(everywhere=True)` ends them all.
        - `skip`: beginnings of paths that have no session (static files, health checks): nothing is loaded there.
        - `limit`: how many sessions one principal may have (see `Limit`); None: as many as they like.
        - `takes_over`: whose sessions go on here, for visitors who still come with another library's cookie (see
          `sojourn.inbound.moving`).
        - `sweep`: when expired sessions are removed (see `Sweep`).
        - `sockets`: what becomes of open WebSockets, and streams of events, of a session (see `Sockets`).
        - `outage`: what visitors get while the store is away (see `OutageStore`).
        - `tracking`: the ways in which an id may travel, of `"cookie"`, `"url"`, `"header"` (`X-Session-Id`) and
          `"certificate"`: where a request carries two sessions, the way that comes first is followed. A new session is
          told in the first way that its visitor can be told in. Cookies alone keep ids from scripts, logs and copies.
        - `rewriting`, `certificate`: how ids travel in URLs (see `Rewriting`), and who is believed to tell a client's
          certificate (see `Certificate`).
        - `route`: the name of this node for a balancer that keeps visitors at theirs; it goes along with the id.
        - `principal`: the attribute by which the application itself knows who is signed in, such as `"user_id"`: the
          principal of the session follows it. None: what the framework's side follows, or nothing but what is assigned.
        - `identity`: tells whose a request is, where that is known before the application runs: `"request"` for what
          the server or a layer outside says (`REMOTE_USER`, Starlette's `scope["user"]`), or BlackSheep or Litestar
          when it has authenticated the visitor; or a function of a `Request`.
          A principal's session is then refused to everybody else's requests, with `NotOwner`; a session of nobody
          becomes theirs. See `Session.own` for what the application finds out itself.
        - `strangers`: what such a request gets: `"refuse"`, or `"end"`, which ends the session and begins another.
        - `check`: for development: whether each value is tried when it is put in, and what cannot be stored is logged
          with its path, its type and the line that put it in: `"log"` drops it, `"error"` raises there. `"off"`: it is
          found when the session is stored, which is then refused with `NotStorable`.
        - `clock`: tells the time in seconds since the epoch, also to a store that is given as an address; None: the
          clock of the store, which all nodes share. `node`: a name for this process.

        Raises `SettingError`.
        """
        choices = Choices(
            save=save, touch=touch, on_error=on_error, on_conflict=on_conflict, contents=contents, check=check
        )
        check_names(app, skip)
        self._chosen = (cookie, lifetime)
        self.cookie = cookie if cookie is not None else Cookie()
        self.lifetime = lifetime if lifetime is not None else Lifetime()
        self.sweeping = sweep if sweep is not None else Sweep()
        inner: Store = open_store(store, clock=clock) if isinstance(store, str) else store
        check_kinds(cookie=self.cookie, lifetime=self.lifetime, sweep=self.sweeping, store=inner)
        self._kind = kind_of(check, secure=self.cookie.secure)
        check_limit(limit, inner)
        self._app, self._skip, self._choices = app, tuple(skip), choices
        self.touches_always = touch == "always"  # read for each response by the sides
        self._clock = clock = clock if clock is not None else clock_of(inner)
        node = node if node is not None else f"{platform.node()}:{os.getpid()}"
        if share_id:
            check_sharing(store, inner, near=near, save=save, outage=outage, tracking=tracking, takes_over=takes_over)
            near, self._kind = None, sharing(self._kind)
        self._tracking = (SharedTracking if share_id else CookieTracking)(self.cookie, route)
        self._name = self.cookie.name.encode()
        self._ways = ways_of(tracking, self._tracking, rewriting, certificate)
        self.rewriting = None if self._ways is None else self._ways.rewriting  # read for each request by the sides
        outer = Outer(node=node, near=near_of(near, inner), behind=behind_of(save, write), seal=seal, outage=outage)
        rules = Rules(app=app, node=node, lifetime=self.lifetime, clock=clock, choices=choices, limit=limit)
        self._connect(inner, outer, rules, shares=share_id)
        self._owners = owners_of(identity, strangers)
        self._takeover = Takeover(self.store, rules, self.cookie, takes_over, self._listeners) if takes_over else None
        if principal is not None:
            self.follow(principal, asked=True)
        check_kinds(sockets=(sockets := Sockets() if sockets is None else sockets))
        self.attending = Attending(
            sockets=sockets,
            store=self.store,
            lists=None if share_id else power(self.store, Lists),
            touch=self._commits.touches.add,
            clock=clock,
            always=self.touches_always,
            dropped=self._tell_of_loss,
        )

    def _connect(self, inner: Store, outer: Outer, rules: Rules, *, shares: bool) -> None:
        self._rules = rules
        self._listeners = Listeners()
        self._held: set[int] = set()  # the sessions under way, by identity: a request may end or renew its own
        self.store = stacked(inner, outer, rules.clock, dropped=self._tell_of_loss, unreadable=self._tell_of_unreadable)
        self._everywhere = None
        if shares:
            self.store = shared = SharedStore(self.store, self._listeners, rules.clock)
            self._everywhere = Everywhere(shared, self._listeners)
        self._recalls = power(self.store, Recalls)
        self._endings = Endings(self.store, self._listeners)
        sweeps = power(self.store, Sweeps)
        sweeper = (self._endings, self.sweeping, rules.clock)
        self._sweeper = None if sweeps is None else Sweeper(sweeps, *sweeper, counts=shares)
        if self._everywhere is None:
            self._commits = Commits(self.store, rules, self._listeners, self._endings)
        else:
            self._commits = SharedCommits(shared, rules, self._listeners, self._endings, self._everywhere)
        self.keeper = Keeper(self.store, self._commits, rules.clock)

    @property
    def app(self) -> str:
        """The name of the application."""
        return self._app

    @property
    def identified(self) -> bool:
        """Whether it is told, before the application runs, whose a request is."""
        return self._owners is not None

    @property
    def active(self) -> int:
        """How many requests, WebSockets and `access` blocks of this process are under way that found a session."""
        return len(self._held)

    # --- a request -----------------------------------------------------------------------------------------------

    async def commit(self, session: Session, *, failed: bool = False, counts: bool = True) -> Headers:
        """Carry out what the request did with its session. Returns the headers that tell the visitor of it.

        `failed`: the handler raised or answered 500 or above. `counts`: whether it puts off the end though it changed
        nothing. Can be called again for what comes later in the same request. Raises `NotStorable`, `Contradiction`,
        `Overtaken` or `LimitReached`, and then nothing was written; or `StoreUnavailable`: then nothing was written,
        unless the store fell silent after it was asked to write, and for three seconds. That leaves it open.
        """
        if not session.looked and not self.touches_always:
            return []
        changes = session.pending() if self.stores(failed=failed) else {}
        if not (changes or session.ended or session.renewing):
            if session.stage is Stage.STARTED and not counts:
                return []  # nothing has come since the response started
            if session.rests(self.lifetime, self._clock()):
                return []
        if self._sweeper is not None:
            self._sweeper.start()
        try:
            outcome = await self._commits.commit(session, changes, counts=counts)
        except SojournError as error:
            if self._everywhere is not None and session.stage is Stage.OPEN:
                error.headers = self._lines(session, Outcome())
            raise
        return [] if session.stage is not Stage.OPEN else self._lines(session, outcome)

    def _lines(self, session: Session, outcome: Outcome) -> Headers:
        """The headers that tell the visitor of `outcome`."""
        track = session.track
        lines = (self._tracking if track is None else cast("RequestTrack", track)).write(session, outcome)
        if session.farewell and (outcome.clear or outcome.set_id or session.owed_id):
            lines += [(SET, line) for line in session.farewell]
        return lines

    def stores(self, *, failed: bool) -> bool:
        """Whether the end of a request stores what it changed."""
        return self._choices.save != "manual" and not (failed and self._choices.on_error == "discard")

    def rests(self, session: Session) -> bool:
        """Whether it can be told at once that a commit would do nothing: for the many requests that only read."""
        return session.pristine and session.rests(self.lifetime, self._clock())

    def close_session(self, session: Session) -> None:
        """Refuse further use: its request is over. Announces what could not be read."""
        session.advance(Stage.CLOSED)
        self._held.discard(id(session))
        if not session.looked or not self._listeners:
            return
        tell = self._listeners.tell
        for name, reason in session.unreadable.items():
            if name:
                tell(events.AttributeUnreadable(ref=session.ref, app=self._app, name=name, reason=reason))
            else:
                tell(events.SessionUnreadable(ref="", app=self._app, reason=reason))

    # --- outside of requests -------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[E], None], *kinds: type[E]) -> None:
        """Call `listener` with the events of this process from now on: those of the given kinds, by default all.

        A `Detail`, such as `AttributeChanged`, is told only to those who name it or a kind of it.
        """
        self._listeners.add(cast("Listener", listener), kinds)

    async def start(self, *, patience: float = 0.0) -> None:
        """Open the store and begin to sweep. Not needed, but raises `StoreUnavailable` early rather than late.

        `patience`: seconds for which a store on another machine may be away before that is an error.
        """
        if (opens := power(self.store, Opens)) is not None:
            await open_patiently(opens, patience=patience if is_remote(self.store) else 0.0)
        if self._sweeper is not None:
            self._sweeper.start()

    async def close(self) -> None:
        """Finish what is being written, and close the store."""
        if self._sweeper is not None:
            await self._sweeper.stop()
        await self.keeper.finish()
        await self._commits.finish()
        if (opens := power(self.store, Opens)) is not None:
            await opens.close()

    async def flush(self) -> None:
        """Write all that waits to be written: times of use, and what `save="async"` has queued.

        Raises `StoreError` when some of what is queued could not be saved; that waits on.
        """
        await self._commits.touches.flush()
        if (flushes := power(self.store, Flushes)) is not None:
            await flushes.flush()

    async def sweep(self) -> int:
        """Remove and announce what has expired, now. Returns how many sessions that were; 0 where the store does so."""
        return await self._sweeper.sweep() if self._sweeper is not None else 0

    @asynccontextmanager
    async def access(self, ref: str) -> AsyncIterator[Session]:
        """The session of that ref, outside of its requests; what was changed is stored at the end of the block.

        For background work, and for connections that outlive their request. A change puts off the end, as ever. Raises
        `SessionEnded` when there is none.
        """
        found = await self.find(ref=ref)
        if not found:
            raise SessionEnded(f"there is no session {ref}")
        session = self._kind(found[0], self._clock(), self.keeper)
        self._held.add(id(session))
        session.advance(Stage.STARTED)
        try:
            yield session
            await self._commits.commit(session, session.pending(), counts=False)
        finally:
            self.close_session(session)

    def _tell_of_loss(self, record: Record) -> None:
        if self._listeners:
            self._listeners.tell(events.ChangesDropped(ref=record.ref, app=record.app, names=()))

    def _tell_of_unreadable(self, record: Record, reason: str) -> None:
        if self._listeners:
            self._listeners.tell(events.SessionUnreadable(ref=record.ref, app=record.app, reason=reason))
