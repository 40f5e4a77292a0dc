"""Keeper: who carries out what a session asks for while its request goes on, and how far that is."""

from __future__ import annotations

import enum
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sojourn.core.session import Session

__all__ = ["Keeper", "Right", "Stage"]


class Keeper(Protocol):
    """Who carries out what a session asks for while its request goes on."""

    def save(self, session: Session) -> Awaitable[None]:
        """Store the changes."""
        ...

    def exclusive(self, session: Session, *, wait: float) -> AbstractAsyncContextManager[None]:
        """Keep those out who ask for the same, as long as the context lasts."""
        ...


class Stage(enum.Enum):
    """How far the request of a session is."""

    OPEN = enum.auto()
    STARTED = enum.auto()  # the response has started: no cookie can be sent
    CLOSED = enum.auto()
    SKIPPED = enum.auto()  # a path without sessions


class Right(Protocol):
    """The sole right to a session."""

    def verify(self) -> Awaitable[None]:
        """Asked before anything is written over what somebody else stored. Raises `LeaseLost`."""
        ...
