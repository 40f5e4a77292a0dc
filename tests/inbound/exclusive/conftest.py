"""Nodes, and a visitor who is known to them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url
from tests.fixtures.visitor import Visitor, everything, sets
from tests.fixtures.watched import Gate, WatchedStore

from sojourn import Session, Sessions

__all__ = [
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "valkey_address",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]

Make = Callable[..., Sessions]


@pytest.fixture
def known(visitor: Visitor, store: WatchedStore) -> Visitor:
    """A visitor with a session in which `n` is 0."""

    async def begin() -> None:
        await visitor.ask(sets(n=0))
        await visitor.sessions.close()  # its connections are those of this event loop

    asyncio.run(begin())
    store.calls.clear()
    return visitor


@pytest.fixture
def twin(another_node: bool, make: Make, known: Visitor) -> Visitor:
    """The same visitor in another tab, whose requests arrive at the same node, or at another."""
    return known.twin(make() if another_node else known.sessions)


async def increment(session: Session) -> int:
    async with session.exclusive():
        session["n"] += 1
        return int(session["n"])


async def increment_at_once(session: Session) -> int:
    async with session.exclusive(wait=0):
        session["n"] += 1
        return int(session["n"])


class Slow:
    """An increment that stands still within its block, between reading and writing."""

    def __init__(self) -> None:
        self.within = Gate()

    async def __call__(self, session: Session) -> Any:
        async with session.exclusive():
            n = session["n"]
            await self.within()
            session["n"] = n + 1
        return session["n"]


async def stored(visitor: Visitor) -> Any:
    """What is stored by now, whoever looks: a version that was told would do for a copy."""
    twin = visitor.twin()
    del twin.jar[twin.sessions.cookie.version_name]
    return (await twin.ask(everything)).value
