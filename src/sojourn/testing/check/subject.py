"""Subject: the store that is checked, new and empty for each promise."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from sojourn.core.lifetime import Clock
from sojourn.store.base import Store
from sojourn.store.scratch import scratch
from sojourn.store.url import SCHEMES, open_store
from sojourn.testing.check.reason import reason_of

__all__ = ["Subject", "Unusable", "subject_of"]


class Unusable(Exception):
    """What was named is no store; the message is one line."""


class Subject(Protocol):
    """Makes stores."""

    def make(self, clock: Clock) -> Store:
        """A store that is fresh and empty, and tells the time by `clock`. Raises `StoreUnavailable` or `Unusable`."""
        ...

    async def remove(self) -> None:
        """Remove what was made. Raises `StoreUnavailable`."""
        ...


def subject_of(target: str) -> Subject:
    """What an address, or MODULE:NAME, stands for. Raises `SettingError` or `Unusable`."""
    module, _, name = target.partition(":")
    if "/" in target or module in SCHEMES:
        return _Addressed(target)
    if not (all(module.split(".")) and all(name.split("."))):
        raise Unusable(
            f"{target!r} names no store; give its address, as sqlite:///sessions.db, or MODULE:NAME of what makes one"
        )
    return _Made(target, _found(module, name))


class _Addressed:
    def __init__(self, url: str) -> None:
        self._scratch = scratch(url)

    def make(self, clock: Clock) -> Store:
        return open_store(self._scratch.fresh(), clock=clock)

    async def remove(self) -> None:
        await self._scratch.remove()


class _Made:
    """A store of one's own: a class, or a function that may be a context manager, called with `clock=`."""

    def __init__(self, target: str, maker: Callable[..., Any]) -> None:
        self._target = target
        self._maker = maker
        self._opened = contextlib.ExitStack()

    def make(self, clock: Clock) -> Store:
        self._opened.close()  # one at a time: perhaps they share a place
        try:
            made = self._maker(clock=clock)
            if hasattr(made, "__enter__"):
                made = self._opened.enter_context(made)
        except Exception as error:
            raise Unusable(f"{self._target}(clock=…) raised {reason_of(error)}; mend that") from error
        if not isinstance(made, Store):
            raise Unusable(f"{self._target}(clock=…) gave a {type(made).__name__}, which is no sojourn.store.Store")
        return made

    async def remove(self) -> None:
        self._opened.close()


def _found(module: str, name: str) -> Callable[..., Any]:
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise Unusable(f"importing {module}:{name} raised {reason_of(error)}; mend that") from error
    if not callable(found):
        raise Unusable(f"{module}:{name} is a {type(found).__name__}; name a class, or a function that makes a store")
    return found  # type: ignore[no-any-return]
