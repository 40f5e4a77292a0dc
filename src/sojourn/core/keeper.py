"""Keeper: who carries out what a session asks for while its request goes on, and how far that is."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sojourn.core.ids import SessionId
    from sojourn.core.session import Session

__all__ = ["Exclusive", "Keeper", "Right", "Stage", "Track"]

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Exclusive:
    """A block in which others are kept out: `async with` it, or `with` it where the framework is sync."""

    __slots__ = ("_block", "_run")

    def __init__(self, block: AbstractAsyncContextManager[None], run: Run | None = None) -> None:
        """`run`: how sync code waits for async code; None where that is not wanted."""
        self._block = block
        self._run = run

    async def __aenter__(self) -> None:
        await self._block.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._block.__aexit__(kind, error, trace)

    def __enter__(self) -> None:
        self._wait(self._block.__aenter__)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self._block.__aexit__, kind, error, trace)

    def _wait(self, act: Callable[..., Coroutine[Any, Any, Any]], *given: Any) -> None:
        if self._run is None:
            raise TypeError("this session belongs to async code: write `async with session.exclusive()`")
        self._run(act(*given))


class Keeper(Protocol):
    """Who carries out what a session asks for while its request goes on."""

    def save(self, session: Session) -> Awaitable[None]:
        """Store the changes."""
        ...

    def exclusive(self, session: Session, *, wait: float) -> Exclusive:
        """Keep those out who ask for the same, as long as the context lasts."""
        ...


class Track(Protocol):
    """How the id of one request's session travels, where that may be otherwise than in a cookie."""

    @property
    def keeps_id(self) -> bool:
        """Whether age is no reason for a new id: the visitor could not be told it, or has it from elsewhere."""
        ...

    @property
    def mute(self) -> bool:
        """Whether the visitor cannot be told of a new session, so that there is none."""
        ...

    def encode(self, url: str, given: SessionId, *, redirect: bool) -> str:
        """The URL, with the id where that is wanted. `redirect`: it is for a Location header."""
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
