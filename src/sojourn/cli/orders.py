"""What the supervisor and its workers tell each other over pipes."""

from __future__ import annotations

import msgspec

from sojourn.settings import ApplicationSettings

__all__ = ["Answer", "Orders", "Ready", "Refused", "Waiting"]


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to serve, and how; durations are in seconds."""

    target: str
    settings: ApplicationSettings
    replace_sessions: bool = False
    drain: float = 10.0
    metrics: bool = False


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The worker serves. `cookie` describes whose sessions it uses, `warnings` is for the user to read.

    `own`: the application brings its sessions, so nothing of the orders about them was followed. `figures`: the port of
    the loopback where it tells what it has counted; None when it counts nothing.
    """

    cookie: str
    warnings: list[str] = []
    own: bool = False
    figures: int | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The store is away, and the worker waits for it. Another answer follows."""

    problem: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The worker cannot serve, and a restart alone will not help."""

    mistake: str


Answer = Ready | Waiting | Refused
