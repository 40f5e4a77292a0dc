"""Remote: what a test asks of the back end, or tells it to do, over HTTP."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from sojourn.errors import SettingError
from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.fault import Fault
from sojourn.testing.backend.server.messages import Answer, Request, json_answer
from sojourn.testing.backend.server.service import Service

__all__ = ["PREFIX", "Remote"]

PREFIX = "/-/"

Command = Callable[[bytes], Awaitable[Any]]


class Resets(Protocol):
    """What holds the service."""

    service: Service

    def reset(self, behaviour: Behaviour) -> None:
        """Put a new one in its place."""


class Forget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which sessions: of a user, of a number, or all."""

    user: str | None = None
    session: int | None = None


class Held(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many requests are to be held, and for how many seconds one waits for that."""

    number: int
    patience: float


class Remote:
    """Commands at `/-/<key>/<command>`. Who does not know the key finds nothing there."""

    def __init__(self, app: Resets, key: str) -> None:
        self._app = app
        self._start = f"{PREFIX}{key}/".encode()
        self._commands: dict[str, Command] = {
            "counts": self._counts,
            "orders": self._orders,
            "seen": self._seen,
            "forget": self._forget,
            "forget-tokens": self._forget_tokens,
            "advance": self._advance,
            "plan": self._plan,
            "held": self._held,
            "release": self._release,
            "reset": self._reset,
        }

    def is_meant(self, request: Request) -> bool:
        """Whether a request is for here, and not one to the back end."""
        return hmac.compare_digest(request.path.encode(errors="replace")[: len(self._start)], self._start)

    async def answer(self, request: Request) -> Answer:
        """Do what the path says with what the body says, in JSON."""
        command = self._commands.get(request.path[len(self._start) :])
        if command is None:
            return json_answer(404, {"error": "no such command"})
        try:
            told = await command(request.body)
        except (msgspec.MsgspecError, SettingError) as error:
            return json_answer(400, {"error": str(error)})
        return Answer(headers=(("content-type", "application/json"),), body=msgspec.json.encode(told))

    async def _counts(self, _: bytes) -> Any:
        return self._app.service.counts()

    async def _orders(self, _: bytes) -> Any:
        return list(self._app.service.tally.orders)

    async def _seen(self, _: bytes) -> Any:
        return list(self._app.service.tally.seen)

    async def _forget(self, body: bytes) -> Any:
        which = msgspec.json.decode(body, type=Forget)
        return self._app.service.sessions.forget(which.user, which.session)

    async def _forget_tokens(self, _: bytes) -> None:
        self._app.service.sessions.forget_tokens()
        self._app.service.sign_in.forget_tokens()

    async def _advance(self, body: bytes) -> None:
        self._app.service.advance(msgspec.json.decode(body, type=float))

    async def _plan(self, body: bytes) -> None:
        self._app.service.faults.plan(msgspec.json.decode(body, type=Fault))

    async def _held(self, body: bytes) -> Any:
        wanted = msgspec.json.decode(body, type=Held)
        return await self._app.service.faults.held(wanted.number, wanted.patience)

    async def _release(self, _: bytes) -> None:
        self._app.service.faults.release()

    async def _reset(self, body: bytes) -> None:
        self._app.reset(msgspec.json.decode(body, type=Behaviour))
