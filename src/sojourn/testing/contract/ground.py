"""The ground under all parts of the contract: fixtures, and an event loop for each test."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest

from sojourn.store.base import Admits, Leases, Lists, Moves, Opens, Recalls, Store, Sweeps, Tells, Watches, power
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
        return power(store, Sweeps) or _without("Sweeps")

    @pytest.fixture
    def lists(self, store: Store) -> Lists:
        """The store, if it can be searched."""
        return power(store, Lists) or _without("Lists")

    @pytest.fixture
    def watches(self, store: Store) -> Watches:
        """The store, if it tells what changes."""
        return power(store, Watches) or _without("Watches")

    @pytest.fixture
    def admits(self, store: Store) -> Admits:
        """The store, if it can hold a principal to a number of sessions."""
        return power(store, Admits) or _without("Admits")

    @pytest.fixture
    def leases(self, store: Store) -> Leases:
        """The store, if it can give one of many the right to a session."""
        return power(store, Leases) or _without("Leases")

    @pytest.fixture
    def recalls(self, store: Store) -> Recalls:
        """The store, if it can answer at once."""
        return power(store, Recalls) or _without("Recalls")

    @pytest.fixture
    def tells(self, store: Store) -> Tells:
        """The store, if it tells the time."""
        return power(store, Tells) or _without("Tells")

    @pytest.fixture
    def moves(self, store: Store) -> Moves:
        """The store, if it remembers sign-ins."""
        return power(store, Moves) or _without("Moves")

    @pytest.fixture
    def opens(self, store: Store) -> Opens:
        """The store, if it is opened and closed."""
        return power(store, Opens) or _without("Opens")


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
            if (opens := power(store, Opens)) is not None:
                await opens.close()
