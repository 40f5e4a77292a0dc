"""The ground under all parts of the contract: the served application, with the settings that a test asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from fnmatch import fnmatchcase
from typing import Any, ClassVar, TypeVar

import pytest

from sojourn import Sessions
from sojourn.core.events import Event
from sojourn.inbound.bridge import wait
from sojourn.store import open_store
from sojourn.testing.app.client import PATIENCE, Visitor
from sojourn.testing.clock import FakeClock

__all__ = ["Ground", "Serve", "Site"]

T = TypeVar("T")
E = TypeVar("E", bound=Event)


class Site:
    """A served application."""

    def __init__(self, url: str, sessions: Sessions, clock: FakeClock, events: list[Event]) -> None:
        """`events`: those that `sessions` told of, as they come."""
        self.url = url
        self.sessions = sessions
        self.clock = clock
        self._events = events

    def visitor(self) -> Visitor:
        """Somebody who was never here."""
        return Visitor(self.url)

    def told(self, kind: type[E], ref: str) -> list[E]:
        """The events of a kind that were told of a session by now."""
        return [event for event in self._events if isinstance(event, kind) and event.ref == ref]

    def rest(self) -> None:
        """Wait until no request is under way: the application may have something to do after its answer."""
        self.wait_for(lambda: not self.sessions.active)

    def wait_for(self, happened: Callable[[], object]) -> None:
        """Wait until it has."""
        give_up_at = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < give_up_at, "it did not happen"
            time.sleep(0.001)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What `sessions` answers, asked from outside of any request: `site.do(site.sessions.find())`."""
        return wait(work)


Serve = Callable[..., Site]


class Ground:
    """Serves the application, once a class for all tests that ask for the same settings."""

    cannot: ClassVar[dict[str, str]] = {}
    """What the framework cannot do: a test's name, or a pattern of names as `test_*socket*`, and why. The tests are
    skipped, and the reason is shown."""

    def serve(self, sessions: Sessions) -> AbstractContextManager[str]:
        """Serve the application of `deeds`, with its sessions in `sessions`; a subclass says how.

        On a free port of the loopback, by threads of this process. Returns the URL, as in `http://127.0.0.1:8000`.
        """
        raise NotImplementedError("give a method `serve(self, sessions)` that serves the application, and its URL")

    @pytest.fixture(scope="class")
    @classmethod
    def address(cls) -> str:
        """The store's, fresh and empty."""
        return "memory:"

    @pytest.fixture(scope="class")
    @classmethod
    def served(cls, address: str) -> Iterator[Serve]:
        """Serves with settings of the test's own; the same application for all tests of the class that give them."""
        opened: list[AbstractContextManager[Site]] = []
        sites: dict[str, Site] = {}

        def served(**settings: Any) -> Site:
            name = repr(sorted(settings.items()))
            if name not in sites:
                serving = _serving(cls(), address, {"app": f"contract-{len(sites)}", **settings})
                sites[name] = serving.__enter__()
                opened.append(serving)
            return sites[name]

        yield served
        with ThreadPoolExecutor(len(opened) or 1) as threads:  # servers take their time to stop
            list(threads.map(lambda serving: serving.__exit__(None, None, None), opened))

    @pytest.fixture
    def site(self, served: Serve) -> Site:
        """The application with default settings."""
        return served()

    @pytest.fixture
    def visitor(self, site: Site) -> Visitor:
        """Somebody who was never there."""
        return site.visitor()

    @pytest.fixture(autouse=True)
    def _excused(self, request: pytest.FixtureRequest) -> None:
        for pattern, reason in self.cannot.items():
            if fnmatchcase(request.function.__name__, pattern):
                pytest.skip(reason)

    def test_what_the_framework_cannot_do_is_named_as_it_is_here(self) -> None:
        tests = [name for name in dir(self) if name.startswith("test_")]
        assert [name for name in self.cannot if not any(fnmatchcase(test, name) for test in tests)] == []
        assert [name for name, reason in self.cannot.items() if not reason] == []


@contextmanager
def _serving(ground: Ground, address: str, settings: dict[str, Any]) -> Iterator[Site]:
    """The application, with sessions over the store at `address`, unless `settings` give another."""
    clock, events = FakeClock(), list[Event]()
    store = settings.pop("store", None) or open_store(address, clock=clock)
    sessions = Sessions(store, **{"clock": clock, **settings})
    sessions.listen(events.append, Event)
    try:
        with ground.serve(sessions) as url:
            yield Site(url, sessions, clock, events)
    finally:
        wait(sessions.close())
