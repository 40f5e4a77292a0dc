"""For the tests of applications, of stores and of clients. Nothing in Sojourn imports it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sojourn.testing.clock import FakeClock

if TYPE_CHECKING:
    from sojourn.testing.app_contract import AppContract
    from sojourn.testing.backend import Behaviour, FakeBackend, Fault
    from sojourn.testing.store_contract import StoreContract

__all__ = ["AppContract", "Behaviour", "FakeBackend", "FakeClock", "Fault", "StoreContract"]

_HOMES = {
    "AppContract": "sojourn.testing.app_contract",
    "Behaviour": "sojourn.testing.backend",
    "FakeBackend": "sojourn.testing.backend",
    "Fault": "sojourn.testing.backend",
    "StoreContract": "sojourn.testing.store_contract",
}


def __getattr__(name: str) -> Any:
    """Import what needs pytest, or much else, when it is asked for: the clock alone does not."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
