"""Back end: a server that others wrote, what is asked of it, and what its own log says of that."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from tests.outbound.drivers.clients import CLIENTS, Client

from sojourn.outbound import Backend, Exchange

__all__ = ["PASSWORD", "USER", "Asked", "Asking", "Caller", "Known", "Log", "Plain", "Server", "Waiting", "plainly"]

USER, PASSWORD = "ada", "correct-horse-7"
"""Who is let in."""

T = TypeVar("T")


class Log(NamedTuple):
    """What a server says of itself, counted."""

    sign_ins: int
    refused: int
    """Of attempts to sign in."""
    changes: int
    """Calls that were to change something, and did."""
    sessions: int
    """That it holds now."""
    tokens: int | None = None
    """Against forged requests, that were asked for and given; None: it does not tell."""


class Server(Protocol):
    """It runs."""

    versions: Mapping[str, str]
    """Of what it is made of, by name."""

    def backend(self, password: str) -> Backend:
        """Calls to it, signed in as `USER`; sessions of reuse "flow", closed at the end."""

    def log(self) -> Log:
        """What it has to say by now."""

    def forget(self) -> None:
        """Make it forget each session."""

    def stop(self) -> None:
        """It and whatever it started."""


class Caller(Protocol):
    """A client of an exchange that knows what to ask for."""

    async def read(self) -> str:
        """Ask for something, and change nothing. Returns what was wrong; empty: nothing."""

    async def change(self, number: int) -> str:
        """Change something; `number`: another one each time. Returns as `read`."""

    async def close(self) -> None:
        """End its part of the exchange."""


class Known(NamedTuple):
    """One that is known here."""

    title: str
    signs_in: str
    """How."""
    forgets: str
    """How it is made to."""
    counted: str
    """Where it is read how often it was signed in."""
    start: Callable[[Path, Path], Server]
    """Of where things are kept and of a directory of its own. Raises `Failed`."""
    callers: Mapping[str, Callable[[Exchange], Caller]]
    """By name."""


class Asked(NamedTuple):
    """A call, and what tells that it did what it should."""

    method: str
    path: str
    status: int
    mark: str = ""
    body: str = ""
    headers: Mapping[str, str] = {}


class Asking(NamedTuple):
    """What plain clients ask for."""

    read: Asked
    change: Callable[[int], Asked]


class Plain:
    """A client of HTTP."""

    def __init__(self, asking: Asking, kind: type[Client], exchange: Exchange) -> None:
        """`kind`: of which it is one."""
        self._asking = asking
        self._client = kind(exchange)

    async def read(self) -> str:
        return await self._ask(self._asking.read)

    async def change(self, number: int) -> str:
        return await self._ask(self._asking.change(number))

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, asked: Asked) -> str:
        answer = await self._client.call(
            asked.method,
            asked.path,
            headers=asked.headers,
            body=asked.body.encode() if asked.body else None,
            patience=60.0,
            follow=False,
        )
        if answer.status == asked.status and asked.mark.encode() in answer.body:
            return ""
        return f"{asked.method} was answered with {answer.status}"


class Waiting:
    """A client that waits, by threads."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call it in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(function, *arguments))

    async def close(self) -> None:
        """After the last call."""
        self._threads.shutdown()


def plainly(asking: Asking) -> dict[str, Callable[[Exchange], Caller]]:
    """Each plain client."""
    return {name: functools.partial(Plain, asking, kind) for name, kind in CLIENTS.items()}
