"""Scope: the servers, the names and the clock that all operations of one event loop share."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from sojourn.store.valkey import layout
from sojourn.store.valkey.client.clock import ServerClock
from sojourn.store.valkey.client.lane import Lane
from sojourn.store.valkey.client.line import Command, run
from sojourn.store.valkey.scripts import BACKSTOP, PEEK, Script

__all__ = ["Scope", "life"]


class Scope(NamedTuple):
    """Makes the commands on what rests under names of this store."""

    lane: Lane
    names: layout.Names
    clock: ServerClock

    async def now(self) -> float:
        """The time; asks a server when none has told it yet."""
        if not self.clock.known:
            await self.lane.ready()
        return self.clock()

    def place(self, key: str, app: str) -> str:
        """The name of what is at a key."""
        return f"{self.names.root(layout.tag_of(key))}s:{key}/{app}"

    def get(self, key: str, app: str) -> Command:
        """The command that reads what is at a key."""
        return Command(layout.tag_of(key), (b"GET", self.place(key, app)))

    def run(self, tag: str, script: Script, now: float, *arguments: str | bytes, keys: tuple[str, ...] = ()) -> Command:
        """The command that runs a script on what has `tag`; `keys` beside those that every one gets."""
        root = self.names.root(tag)
        return run(tag, script, (f"{root}due", f"{root}refs", *keys), self.names.channel, repr(now), root, *arguments)

    async def peek(self, tag: str, ref: str, app: str, *, whole: bool) -> tuple[int, str, bytes]:
        """The time there in milliseconds, and the key and the bytes of a session, both empty when it is not there.

        Not `whole` is without its data.
        """
        command = self.run(tag, PEEK, self.clock(), app, layout.field(ref, app), "1" if whole else "")
        answer: list[Any] = await self.lane.do(command)
        return (answer[0], answer[1].decode(), answer[2]) if len(answer) > 1 else (answer[0], "", b"")


def life(expires_at: float, now: float) -> str:
    """Milliseconds for which what names a session is kept; empty for ever."""
    milliseconds = (max(expires_at - now, 0.0) + BACKSTOP) * 1000
    return "" if math.isinf(milliseconds) or milliseconds > 1e14 else str(int(milliseconds))
