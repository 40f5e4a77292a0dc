"""Keeper: who carries out what a session asks for while its request goes on."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sojourn.core.session import Session

__all__ = ["Keeper", "Right"]


class Keeper(Protocol):
    """Who carries out what a session asks for while its request goes on."""

    def save(self, session: Session) -> Awaitable[None]:
        """Store the changes."""
        ...

    def exclusive(self, session: Session, *, wait: float) -> AbstractAsyncContextManager[None]:
        """Keep those out who ask for the same, as long as the context lasts."""
        ...


class Right(Protocol):
    """The sole right to a session."""

    def verify(self) -> Awaitable[None]:
        """Asked before anything is written over what somebody else stored. Raises `LeaseLost`."""
        ...
