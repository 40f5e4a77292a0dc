"""Watched: what telemetry needs to know of `Sessions` and of a `Backend`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from sojourn.core.events import Event
from sojourn.store.base import Store

__all__ = ["Watched", "WatchedBackend"]


class Watched(Protocol):
    """The sessions of one application in this process, as `sojourn.Sessions` has them."""

    @property
    def app(self) -> str:
        """The name of the application."""
        ...

    @property
    def store(self) -> Store:
        """Where they rest, with all that is around it."""
        ...

    @property
    def active(self) -> int:
        """How many of them are in use at this moment."""
        ...

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event from now on."""
        ...


@runtime_checkable
class WatchedBackend(Protocol):
    """The sessions of this process at one back end, as `sojourn.outbound.Backend` has them."""

    @property
    def origin(self) -> str:
        """The back end, by scheme, host and port."""
        ...

    @property
    def store(self) -> Store | None:
        """Where they rest that are shared with other nodes; None: none are."""
        ...

    @property
    def sessions(self) -> int:
        """How many are held from one exchange to the next."""
        ...

    @property
    def queued(self) -> int | None:
        """How many calls wait for room; None: there are no limits."""
        ...

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event from now on."""
        ...

    def observe(self, observer: Callable[[Any], None]) -> None:
        """Tell `observer` of each call: its `outcome`, its `seconds`, and what it `waited` for."""
        ...
