"""Watching: what changes in a PostgreSQL store, as the server notifies of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import asyncpg
import msgspec

from sojourn.errors import StoreDamaged
from sojourn.store.base import BEAT, Beat, Change
from sojourn.store.postgres.explain import lost
from sojourn.store.postgres.lane import part
from sojourn.store.postgres.schema import Connection, Schema

__all__ = ["watch"]

A = TypeVar("A")

_decoder = msgspec.json.Decoder(list[tuple[str, str, int, str, bool]])  # key, app, version, node, ended


async def watch(schema: Schema, watching: Callable[[], set[Connection]]) -> AsyncIterator[Change | Beat]:
    """As `Watches`. Its connection is among those of `watching` for as long as it is open."""
    connection = await schema.connect()
    own = watching()
    own.add(connection)
    ear = _Ear(schema.where)
    try:
        connection.add_termination_listener(ear.lose)
        channel = await _answered(schema, connection.fetchval("select channel()"))
        await _answered(schema, connection.add_listener(channel, ear.hear))
        while True:
            # The server sends what was committed before it answers: all that was told until then has been heard.
            asked_at = time.monotonic()
            await _answered(schema, schema.ask_time(connection))
            for change in ear.heard():
                yield change
            yield Beat(number=ear.number, asked_at=asked_at)
            due = asyncio.get_running_loop().time() + BEAT / 2
            while await ear.news(due):
                for change in ear.heard():
                    yield change
    finally:
        own.discard(connection)
        await part(connection)


class _Ear:
    """What was notified and not yet told."""

    def __init__(self, where: str) -> None:
        self.number = 0
        self._where = where
        self._payloads: deque[str] = deque()
        self._pieces: list[str] = []
        self._news = asyncio.Event()
        self._lost = False

    def hear(self, _connection: Any, _process: int, _channel: str, payload: object) -> None:
        self._payloads.append(str(payload))
        self._news.set()

    def lose(self, _connection: Any) -> None:
        self._lost = True
        self._news.set()

    async def news(self, due: float) -> bool:
        """Wait for something to hear; False when a sign of life is due first."""
        if asyncio.get_running_loop().time() >= due:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._news.wait()
                return True
        return False

    def heard(self) -> Iterator[Change]:
        """The changes of this moment. Raises `StoreUnavailable` when there will be no more."""
        self._news.clear()
        while self._payloads:
            for key, app, version, node, ended in self._told(self._payloads.popleft()):
                self.number += 1
                yield Change(number=self.number, key=key, app=app, version=version, node=node, ended=ended)
        if self._lost:
            raise lost(self._where, writes=False, overdue=False)

    def _told(self, payload: str) -> list[tuple[str, str, int, str, bool]]:
        """What one transaction changed, when `payload` is the last piece of it. The pieces of one come in a row."""
        numbers, _, piece = payload.partition(" ")
        number, _, last = numbers.partition("/")
        self._pieces.append(piece)
        if number == str(len(self._pieces)):
            if number != last:
                return []
            text, self._pieces = "".join(self._pieces), []
            with contextlib.suppress(msgspec.DecodeError):
                return _decoder.decode(f"[{text}]")
        raise StoreDamaged(f"{self._where} sent a notification that is not Sojourn's; see who uses its channel")


async def _answered(schema: Schema, question: Awaitable[A]) -> A:
    overdue = False
    try:
        async with asyncio.timeout(schema.timeout):
            return await question
    except TimeoutError:
        overdue = True
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        pass
    raise lost(schema.where, writes=False, overdue=overdue)
