"""The ground under all parts of the contract: the served application, with the settings that a test asks for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any, ClassVar, TypeVar

import pytest

from sojourn import Sessions
from sojourn.core.events import Event
from sojourn.inbound.bridge import wait
from sojourn.store import open_store
from sojourn.testing.app.client import Visitor
from sojourn.testing.clock import FakeClock

__all__ = ["Ground", "Serve", "Site"]

T = TypeVar("T")
E = TypeVar("E", bound=Event)


class Site:
    """A served application."""

    def __init__(self, url: str, sessions: Sessions, clock: FakeClock) -> None:
        self.url = url
        self.sessions = sessions
        self.clock = clock
        self._events: list[Event] = []
        sessions.listen(self._events.append)

    def visitor(self) -> Visitor:
        """Somebody who was never here."""
        return Visitor(self.url)

    def told(self, kind: type[E], ref: str) -> list[E]:
        """The events of a kind that were told of a session."""
        return [event for event in self._events if isinstance(event, kind) and event.ref == ref]

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What `sessions` answers, asked from outside of any request: `site.do(site.sessions.find())`."""
        return wait(work)


Serve = Callable[..., Site]


class Ground:
    """Serves the application, once a class for all tests that ask for the same settings."""

    cannot: ClassVar[dict[str, str]] = {}
    """The tests that the framework cannot pass, by name, and why: the reason is shown where they are skipped."""

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
        with ExitStack() as stack:
            sites: dict[str, Site] = {}

            def served(**settings: Any) -> Site:
                name = repr(sorted(settings.items()))
                if name not in sites:
                    clock = FakeClock()
                    store = settings.pop("store", None) or open_store(address, clock=clock)
                    sessions = Sessions(store, **{"app": f"contract-{len(sites)}", "clock": clock, **settings})
                    stack.callback(lambda: wait(sessions.close()))
                    sites[name] = Site(stack.enter_context(cls().serve(sessions)), sessions, clock)
                return sites[name]

            yield served

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
        reason = self.cannot.get(request.function.__name__)
        if reason is not None:
            pytest.skip(reason)

    def test_what_the_framework_cannot_do_is_named_as_it_is_here(self) -> None:
        assert [name for name in self.cannot if not (name.startswith("test_") and hasattr(self, name))] == []
        assert [name for name, reason in self.cannot.items() if not reason] == []
