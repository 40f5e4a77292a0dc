"""Backend: a back end, what was set for calls to it, and the sessions that are held there."""

from __future__ import annotations

import hmac
import secrets
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

import msgspec

from sojourn.core.events import Listener
from sojourn.core.lifetime import Clock
from sojourn.errors import SettingError
from sojourn.outbound.auth import Auth, checked_auth
from sojourn.outbound.closing import Closing
from sojourn.outbound.csrf import Csrf, Fetched
from sojourn.outbound.drivers.way import way
from sojourn.outbound.events import BackendEvent
from sojourn.outbound.exchange import Exchange, Share
from sojourn.outbound.jar import Jar
from sojourn.outbound.keeping.gate import Gate, Pace
from sojourn.outbound.keeping.held import Held
from sojourn.outbound.keeping.place import Place
from sojourn.outbound.limits import Limits
from sojourn.outbound.lines import Lines
from sojourn.outbound.messages import Response
from sojourn.outbound.negotiation import close, forget
from sojourn.outbound.rules import Rules
from sojourn.outbound.settings import check, check_shared, names_of_session, origin_of, sharing
from sojourn.outbound.telling import Observer, Telling
from sojourn.waiting import wait

if TYPE_CHECKING:
    from sojourn.store.base import Store

__all__ = ["Backend"]

Reuse = Literal["none", "exchange", "flow", "user"]

IDLE = 29 * 60.0  # seconds: the usual back end forgets a session after half an hour, and the way there takes its time

# Of Java's servers, enaio's gateway, SAP's, PHP, ASP.NET, Django, Express, Rails.
SESSION_COOKIE = (
    r"JSESSIONID\w*|GWSESSIONID|SAP_SESSIONID_\w+|PHPSESSID|ASP\.NET_SessionId|sessionid|connect\.sid|_\w+_session"
)

_MOST = 10_000  # sessions held, where nothing else is said: some 2 KB each

_AT_ONCE = 20  # sign-outs at the end: as many connections as httpx2 keeps

_NO_LIMITS = Limits()


class Backend:
    """A back end, and the sessions that are held there: each is signed in once, kept whole, renewed, and never mixed.

    `async with Backend(…) as backend` (or `with`, for clients that wait) keeps connections from one exchange to the
    next, and closes what is held when it ends. For any number of threads and event loops; connections are kept in the
    event loop that closes them.
    """

    def __init__(
        self,
        url: str,
        *,
        reuse: Reuse = "none",
        auth: Auth | tuple[str, str] | None = None,
        csrf: Csrf | bool = False,
        identity: Literal["each", "first"] = "each",
        stateful: bool = False,
        sequential: bool = False,
        lost: Callable[[Response], bool] | None = None,
        closing: Closing | None = None,
        idle: float = IDLE,
        limits: Limits = _NO_LIMITS,
        hosts: Iterable[str] = (),
        jar: Jar | None = None,
        session_cookie: str = SESSION_COOKIE,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        store: str | Store | None = None,
        seal: Sequence[bytes] | None = None,
        key: bytes | None = None,
        clock: Clock = time.time,
    ) -> None:
        """Nothing is sent until the first call.

        `url`: where it is; what calls name is relative to it. `reuse`: what shares a session: "none", each call signs
        in; "exchange", the calls of one exchange; "flow", all calls of a principal; "user", all calls for one user
        (`exchange(user=session.principal)`). `auth`: who signs in; a pair of user and password is `Basic`. `csrf`: the
        dialect of its tokens; True is SAP's. `identity`: "each" principal has sessions of their own; "first", whoever
        signs in first lends the session to all others of the scope, and a warning says so. `stateful`: the back end
        keeps a state in the session, so that a lost one is an error. `sequential`: it cannot serve one session in
        parallel, so calls queue up. `lost`: tells by an answer, besides a refusal that `auth` knows, that the session
        is gone. `closing`: how a session is closed at the end of its scope; None lets it expire. `idle`: seconds
        without a call after which a session is not tried any more. `limits`: how much it is asked at once. `hosts`:
        others that its cookies are for, as "*.example.org". `jar`: how its cookies are kept, as `Jar(domains=…)`
        behind a Cloud Connector. `session_cookie`: the names of cookies that name a session, as a regular expression:
        where they are replaced, a stateful exchange is lost. `tls`: whom to trust, and which certificate to show; None:
        as each client library does by itself. `proxy`: by which all of it goes, as
        http://user:password@proxy.example:3128; None: by none, whatever the environment says. `store`: where sessions
        are held that all nodes with the same `key` share, for "flow" and "user": an address such as valkey://host/0, or
        a `Store`. `seal`: the ring of keys by which they are encrypted there, as that of `Sessions`; `memory:` needs
        none. `key`: of this installation, secret: by it logs show hashes of cookies that are the same on each node and
        tell nothing; None: one that is this object's own. `clock`: seconds since 1970.

        Raises `SettingError` for what cannot work.
        """
        origin = origin_of(url)
        self.way = way(origin, tls, proxy)
        path = urlsplit(url).path.removeprefix("/")
        check(reuse, identity, limits, key, stateful=stateful)
        self._key = key if key is not None else secrets.token_bytes(32)
        self.reuse: Reuse = reuse
        self.held = Held(limits.sessions or _MOST)
        self.rules = Rules(
            url=origin + (path if path.endswith("/") or not path else path + "/"),
            origin=origin,
            shares=sharing(origin, hosts),
            jar=jar if jar is not None else Jar(),
            clock=clock,
            csrf=Fetched() if csrf is True else csrf or None,
            lost=lost,
            stateful=stateful,
            sequential=sequential,
            idle=idle,
            session_cookie=names_of_session(session_cookie),
            closing=closing,
            room=None if limits.sessions is None else Gate(limits.sessions, "sessions"),
            spare=self.held.spare,
            gate=None if limits.calls is None else Gate(limits.calls, "calls"),
            pace=None if limits.pace is None else Pace(*limits.pace, time.monotonic),
            patience=limits.patience,
            telling=Telling(origin, self._key),
            fleet=None,
        )
        if store is not None:
            check_shared(reuse, identity, stateful=stateful)
            self._join(store, seal, key)
        self.lines = Lines(self.way)
        self._at_once = min(_AT_ONCE, limits.calls or _AT_ONCE)
        self.observers: tuple[Observer, ...] = ()
        self._auth = checked_auth(auth, "Backend(auth)")
        self._identity = identity

    def __repr__(self) -> str:
        return f"Backend({self.rules.url!r}, reuse={self.reuse!r})"

    def exchange(self, *, user: str | None = None, auth: Auth | tuple[str, str] | None = None) -> Exchange:
        """Begin an exchange.

        `user`: for whom, with reuse "user": any text that stands for one person, as the principal of a visitor's
        session; its `ref` does not, for it stays when another one signs in. `auth`: who signs in, instead of who the
        back end was made with. Raises `SettingError` where `user` is missing, or is not what sessions are reused by.
        """
        if user == "":
            raise SettingError("exchange(user=''): name the user, or all who have no name share one session")
        if (user is None) is (self.reuse == "user"):
            raise SettingError(
                "exchange(user=…) says for whom, with Backend(reuse='user'): give "
                + ("a user" if user is None else "no user, or that setting")
            )
        principal = checked_auth(auth, "exchange(auth)") or self._auth
        return Exchange(self, Share(), auth=principal, user=user)

    def forgetting(self, user: str) -> Generator[Any, Any, None]:
        """What closes the sessions that are held for `user`: for drivers."""
        yield from forget(user, self.held.take(user), self.rules)

    def principal(self, auth: Auth | None) -> object:
        """Whose sessions are one: those of the same credentials, or everybody's with identity "first"."""
        if auth is None or self._identity == "first":
            return None
        return auth.identity, hmac.digest(self._key, auth.secret, "sha256")

    def notice(self, place: Place, auth: Auth | None) -> None:
        """Tell where somebody calls in the session of another principal, with identity "first"."""
        if self._identity == "first" and auth != place.auth and auth is not None:
            self.rules.telling.ignored(place, place.value, auth.identity)

    def listen(self, listener: Listener, *kinds: type[BackendEvent]) -> None:
        """Call `listener` with what happens: with events of these kinds; without any, with all but each single call.

        As `Sessions.listen`. Raises `SettingError` for what cannot be called, and for what is no kind of event.
        """
        self.rules.telling.listen(listener, *kinds)

    def observe(self, observer: Observer) -> None:
        """Tell `observer` of each call from now on, when it has come to an end."""
        self.observers = (*self.observers, observer)

    @property
    def origin(self) -> str:
        """Scheme, host and port: what its events call `app`."""
        return self.rules.origin.removesuffix("/")

    @property
    def store(self) -> Store | None:
        """Where sessions are held that other nodes share, with all that is around it; None: none are."""
        return None if self.rules.fleet is None else self.rules.fleet.store

    @property
    def sessions(self) -> int:
        """How many are held from one exchange to the next."""
        return self.held.sessions

    @property
    def queued(self) -> int | None:
        """How many calls wait for room; None: there are no limits."""
        gates = [gate for gate in (self.rules.room, self.rules.gate) if gate is not None]
        return sum(gate.queued for gate in gates) if gates else None

    async def __aenter__(self) -> Self:
        self.lines.keep_async()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        self.lines.keep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def aclose(self) -> None:
        """Close the sessions that are held, and the connections of this event loop and of clients that wait."""
        try:
            await self._end()
        finally:
            await self.lines.aclose()
            if self.rules.fleet is not None:
                await self.rules.fleet.aclose()

    def close(self) -> None:
        """Close the sessions that are held, and the connections of clients that wait."""
        try:
            if len(self.held):
                self.lines.do(self._ending())
        finally:
            self.lines.close()
            if self.rules.fleet is not None:
                wait(self.rules.fleet.aclose())

    async def aforget(self, user: str) -> None:
        """Close the sessions that are held for `user`, whose own session has ended; with a `store`, on all nodes.

        Raises `StoreError` where that cannot be asked: other nodes may then go on with theirs.
        """
        await self.lines.do_async(self.forgetting(user))

    def forget(self, user: str) -> None:
        """As `aforget`, for code that waits."""
        self.lines.do(self.forgetting(user))

    def _join(self, store: str | Store, seal: Sequence[bytes] | None, key: bytes | None) -> None:
        from sojourn.outbound.fleet import joined

        rules = self.rules
        fleet = joined(
            store, seal, key, url=rules.url, jar=rules.jar, clock=rules.clock, idle=rules.idle, telling=rules.telling
        )
        self.rules = msgspec.structs.replace(rules, fleet=fleet)

    def _ending(self) -> Generator[Any, Any, None]:
        yield from close(self.held.take(), self.rules)

    async def _end(self) -> None:
        """As `_ending`, several at once."""
        if places := self.held.take():
            parts = (places[first :: self._at_once] for first in range(min(self._at_once, len(places))))
            await self.lines.do_async(*(close(part, self.rules) for part in parts))
