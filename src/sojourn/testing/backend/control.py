"""Control: the commands of a fake back end, asked over HTTP."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from sojourn.errors import SettingError
from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.counts import Counts, Order, Seen
from sojourn.testing.backend.fault import Fault

__all__ = ["Control"]

PATIENCE = 30.0  # seconds after which a back end on this machine is taken to have failed

Told = TypeVar("Told")


class Control:
    """Asks a back end what happened, and tells it what to do. Usable from any thread.

    Each call is one short request, and is not counted. Where it may wait, `asyncio.to_thread` keeps the loop free.
    """

    def __init__(self, control: str) -> None:
        """`control`: as the back end said it when it started."""
        self._control = urlsplit(control)

    def counts(self) -> Counts:
        """All that has happened so far."""
        return self._ask("counts", Counts)

    def orders(self) -> list[Order]:
        """The effects, in their order."""
        return self._ask("orders", list[Order])

    def seen(self) -> list[Seen]:
        """The requests, in the order in which they were answered."""
        return self._ask("seen", list[Seen])

    def forget(self, *, user: str | None = None, session: int | None = None) -> int:
        """Forget the sessions of a user, the one of that number, or all; return how many those were."""
        return self._ask("forget", int, {"user": user, "session": session})

    def forget_tokens(self) -> None:
        """Let no token be good any more, neither against CSRF nor for access; sessions stay."""
        self._ask("forget-tokens", None)

    def advance(self, seconds: float) -> None:
        """Let so much time have passed, for sessions and for tokens."""
        self._ask("advance", None, seconds)

    def plan(self, fault: Fault) -> None:
        """Have something go wrong."""
        self._ask("plan", None, fault)

    def wait_held(self, number: int, patience: float = 10.0) -> None:
        """Wait until so many requests are held by a fault; raise `TimeoutError` after `patience` seconds."""
        if not self._ask("held", bool, {"number": number, "patience": patience}, patience):
            raise TimeoutError(f"fewer than {number} requests were held within {patience} seconds")

    def release(self) -> None:
        """Let go on what is held, and hold nothing any more."""
        self._ask("release", None)

    def reset(self, behaviour: Behaviour | None = None) -> None:
        """Begin anew: no sessions, no tokens, no faults, nothing counted. `behaviour`: another than by default."""
        self._ask("reset", None, behaviour or Behaviour())

    def _ask(self, command: str, kind: type[Told] | None, what: Any = None, longer: float = 0.0) -> Told:
        address = self._control
        with closing(http.client.HTTPConnection(address.hostname or "", address.port, PATIENCE + longer)) as connection:
            connection.request("POST", address.path + command, msgspec.json.encode(what), {"Connection": "close"})
            response = connection.getresponse()
            body = response.read()
        if response.status == 400:
            raise SettingError(msgspec.json.decode(body)["error"])
        return msgspec.json.decode(body, type=kind)
