"""Steps before and after what a store is asked, for the anchor or the session alone."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.fixtures.watched import Step

from sojourn.errors import OutcomeUnknown

ANCHOR = ""


class Killed(Exception):
    """The process has died here: nothing is done after it."""


class Hold:
    """A point where the first that comes with `app` stands still until it is told to go on."""

    def __init__(self, app: str) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self._app = app

    async def __call__(self, what: Any, *rest: Any) -> None:
        app = rest[0] if isinstance(what, str) else what.app  # a key is asked for with its application
        if app == self._app and not self.reached.is_set():
            self.reached.set()
            await self.opened.wait()


def once(app: str, error: type[Exception]) -> Step:
    """Raise `error` for the first record of `app`."""
    left = [error]

    async def step(record: Any, *_: Any) -> None:
        if record.app == app and left:
            raise left.pop()("")

    return step


def lost(app: str) -> Step:
    """Lose the first answer that tells of a record of `app`."""
    return once(app, OutcomeUnknown)


def dies(app: str) -> Step:
    """Die where a record of `app` would be stored, or was."""
    return once(app, Killed)
