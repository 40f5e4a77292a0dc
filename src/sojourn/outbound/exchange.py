"""Exchange: calls that belong together, through whichever clients they go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from sojourn.errors import ExchangeEnded
from sojourn.outbound.auth import Auth, Given, checked_auth
from sojourn.outbound.keeping.place import Place
from sojourn.outbound.messages import Call, Steps
from sojourn.outbound.negotiation import close, converse, once, vacate
from sojourn.outbound.telling import observed

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from httpx2 import AsyncClient, Client
    from requests import Session
    from requests.adapters import HTTPAdapter

    from sojourn.outbound.backend import Backend

__all__ = ["Exchange"]

C = TypeVar("C")


class Exchange:
    """Calls that belong together: of one message, one request of a visitor, one job.

    `async with exchange as http` gives an httpx2.AsyncClient, `with exchange as http` an httpx2.Client; `aiohttp()` and
    `requests()` give clients of these. All that are open at once share the session. The exchange ends when the last of
    them is closed; with reuse "exchange", so does its session. For any number of threads and event loops.
    """

    __slots__ = ("_auth", "_entered", "_lock", "_principal", "_share", "_user", "backend")

    def __init__(self, backend: Backend, share: Share, *, auth: Auth | None, user: str | None) -> None:
        """Made by `Backend.exchange`. `auth`: who signs in, where a call does not say it itself."""
        self.backend = backend
        self._share = share
        self._auth = auth
        self._principal = backend.principal(auth)
        self._user = user
        self._lock = threading.Lock()
        self._entered: dict[asyncio.AbstractEventLoop | None, list[Any]] = {}
        """The client of each event loop, as often as it was entered; None: of all threads that wait."""

    def signed_in_as(self, auth: Auth | tuple[str, str]) -> Exchange:
        """This exchange for another principal, who has a session of their own in it."""
        return Exchange(self.backend, self._share, auth=checked_auth(auth, "signed_in_as(auth)"), user=self._user)

    def copy(self) -> Exchange:
        """Another exchange, that shares what sessions this one has begun by now; what begins later is each one's own.

        For branches that are to be apart. Branches that are to share all use one exchange.
        """
        return Exchange(self.backend, self._share.copy(), auth=self._auth, user=self._user)

    def steps(self, call: Call) -> Steps:
        """What gets `call` through: for drivers."""
        steps, observers = self._steps(call), self.backend.observers
        return observed(steps, observers) if observers and self.backend.rules.own(call.url) else steps

    def _steps(self, call: Call) -> Steps:
        rules, reuse = self.backend.rules, self.backend.reuse
        given = call.first("authorization") if rules.own(call.url) else ""
        auth = Given(given) if given else self._auth
        if reuse == "none":
            return once(call, Place(auth), rules)
        principal = self.backend.principal(auth) if given else self._principal
        place, superseded = (
            (self._share.at(principal, auth), None)
            if reuse == "exchange"
            else self.backend.held.at("" if reuse == "flow" else str(self._user), principal, auth)
        )
        self.backend.notice(place, auth)
        steps = converse(call, place, rules)
        return steps if superseded is None else _after(vacate(superseded, rules), steps)

    def open(self) -> None:
        """Another client is open: for drivers. Raises `ExchangeEnded` after the end."""
        self._share.open(self.backend.rules.origin)

    def closing(self) -> Generator[Any, Any, None]:
        """What is to be done when a client is closed: for drivers."""
        yield from close(self._share.close(), self.backend.rules)

    def httpx2(self, **options: Any) -> AsyncClient:
        """A client of httpx2. `options`: as of `httpx2.AsyncClient`; a `transport` is what it sends by."""
        from sojourn.outbound.drivers.httpx2 import async_client

        return async_client(self, **options)

    def httpx2_sync(self, **options: Any) -> Client:
        """A client of httpx2 that waits. `options`: as of `httpx2.Client`."""
        from sojourn.outbound.drivers.httpx2 import client

        return client(self, **options)

    def aiohttp(self, **options: Any) -> ClientSession:
        """A session of aiohttp, for this event loop.

        `options`: as of `aiohttp.ClientSession`; a `connector` is what it sends by. A call with `middlewares` of its
        own goes by these alone, and not through the exchange.
        """
        from sojourn.outbound.drivers.aiohttp import session

        return session(self, **options)

    def requests(self, *, adapter: HTTPAdapter | None = None) -> Session:
        """A session of requests. `adapter`: what it sends by."""
        from sojourn.outbound.drivers.requests import session

        return session(self, adapter)

    async def __aenter__(self) -> AsyncClient:
        return self._enter(asyncio.get_running_loop(), self.httpx2)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client = self._exit(asyncio.get_running_loop())
        if client is not None:
            await client.aclose()

    def __enter__(self) -> Client:
        return self._enter(None, self.httpx2_sync)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client = self._exit(None)
        if client is not None:
            client.close()

    def _enter(self, loop: asyncio.AbstractEventLoop | None, make: Callable[[], C]) -> C:
        with self._lock:
            entered = self._entered.setdefault(loop, [])
            client: C = entered[-1] if entered else make()
            entered.append(client)
            return client

    def _exit(self, loop: asyncio.AbstractEventLoop | None) -> Any:
        """The client that is to be closed, which nobody has entered any more; None: it is not."""
        with self._lock:
            client = self._entered[loop].pop()
            if self._entered[loop]:
                return None
            del self._entered[loop]
            return client


class Share:
    """What the clients of an exchange share: its places, by principal, and how many clients there are."""

    __slots__ = ("_clients", "_ended", "_lock", "_places")

    def __init__(self) -> None:
        """Nothing yet."""
        self._lock = threading.Lock()
        self._places: dict[object, Place] = {}
        self._clients = 0
        self._ended = False

    def at(self, principal: object, auth: Auth | None) -> Place:
        """The place of a principal."""
        place = self._places.get(principal)
        if place is None:
            with self._lock:
                place = self._places.setdefault(principal, Place(auth))
                place.ended = place.ended or self._ended
        return place

    def copy(self) -> Share:
        """Another one with the same places."""
        share = Share()
        with self._lock:
            if not self._ended:  # a place without a session is of what begins later
                share._places = {who: place for who, place in self._places.items() if place.value is not None}
            for place in share._places.values():
                place.share()
        return share

    def open(self, origin: str) -> None:
        """One client more. Raises `ExchangeEnded`."""
        with self._lock:
            if self._ended:
                raise ExchangeEnded(f"the exchange with {origin} has ended; begin another one")
            self._clients += 1

    def close(self) -> list[Place]:
        """One client less. Returns the places that nobody shares any more, after the last one."""
        with self._lock:
            self._clients -= 1
            if self._clients or self._ended:
                return []
            self._ended = True
            return [place for place in self._places.values() if place.part()]


def _after(first: Generator[Any, Any, None], steps: Steps) -> Steps:
    yield from first
    return (yield from steps)
