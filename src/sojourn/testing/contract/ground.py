"""The ground under all parts of the contract: fixtures, and an event loop for each test."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest

from sojourn.store.base import Lists, Moves, Opens, Store, Sweeps, Watches
from sojourn.testing.clock import FakeClock

__all__ = ["Ground"]


class Ground:
    """Gives tests a clock, a store and its powers, and runs those that are `async`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, test in list(vars(cls).items()):
            if name.startswith("test_") and inspect.iscoroutinefunction(test):
                setattr(cls, name, _in_a_loop(test))

    @pytest.fixture
    def clock(self) -> FakeClock:
        """The time, for the test and for the store."""
        return FakeClock()

    @pytest.fixture
    def store(self, clock: FakeClock) -> Store:
        """A fresh and empty store: a subclass returns its own."""
        raise NotImplementedError("give a fixture `store` that returns a fresh store, which uses the fixture `clock`")

    def raw_bytes(self, store: Store) -> Iterable[bytes]:  # noqa: ARG002 - for those that override it
        """All that `store` keeps, as it is at rest: a subclass says how to see it."""
        pytest.skip("raw_bytes does not say what the store keeps")

    @pytest.fixture
    def sweeps(self, store: Store) -> Sweeps:
        """The store, if it can be swept."""
        return store if isinstance(store, Sweeps) else _without("Sweeps")

    @pytest.fixture
    def lists(self, store: Store) -> Lists:
        """The store, if it can be searched."""
        return store if isinstance(store, Lists) else _without("Lists")

    @pytest.fixture
    def watches(self, store: Store) -> Watches:
        """The store, if it tells what changes."""
        return store if isinstance(store, Watches) else _without("Watches")

    @pytest.fixture
    def moves(self, store: Store) -> Moves:
        """The store, if it remembers sign-ins."""
        return store if isinstance(store, Moves) else _without("Moves")

    @pytest.fixture
    def opens(self, store: Store) -> Opens:
        """The store, if it is opened and closed."""
        return store if isinstance(store, Opens) else _without("Opens")


def _without(power: str) -> Any:
    pytest.skip(f"the store has no {power}")


def _in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(self: Ground, **fixtures: Any) -> None:
        asyncio.run(_then_close(test(self, **fixtures), fixtures.values()))

    return run


async def _then_close(test: Coroutine[Any, Any, None], fixtures: Iterable[Any]) -> None:
    """Close in the loop that the store was used in: its connections may belong to it."""
    try:
        await test
    finally:
        for store in fixtures:
            if isinstance(store, Opens):
                await store.close()
