"""Stores: what the suites run over. A server is started when it is first asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from tests.fixtures import postgres, valkeys

__all__ = ["STORES", "Stores"]

STORES = ("memory", "sqlite", "postgres", "valkey")

_SERVERS: dict[str, tuple[Callable[[], AbstractContextManager[Any]], str]] = {
    "postgres": (lambda: postgres.running("fsync=off"), "?schema=foreign_"),
    "valkey": (valkeys.running, "?prefix=foreign_"),
}


class Stores:
    """Addresses, with `NUMBER` where a test has a number of its own (see `plugs.stores`)."""

    def __init__(self, servers: ExitStack) -> None:
        """`servers`: what stops those that were started."""
        self._servers = servers
        self._urls: dict[str, str] = {}
        self._runs = itertools.count(1)

    def address(self, kind: str) -> str:
        """Of a store that nobody has used, for one run; `{tmp}` is the run's directory."""
        if kind == "memory":
            return "memory:"
        if kind == "sqlite":
            return "sqlite:///{tmp}/sessions-NUMBER.db"
        start, option = _SERVERS[kind]
        if kind not in self._urls:
            self._urls[kind] = self._servers.enter_context(start()).url
        return f"{self._urls[kind]}{option}{next(self._runs)}_NUMBER"
