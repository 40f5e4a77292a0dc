"""For the tests of applications and of stores. Nothing in Sojourn imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn.testing.clock import FakeClock

if TYPE_CHECKING:
    from sojourn.testing.app_contract import AppContract
    from sojourn.testing.store_contract import StoreContract

__all__ = ["AppContract", "FakeClock", "StoreContract"]


def __getattr__(name: str) -> Any:
    """Import what needs pytest when it is asked for: the clock alone does not."""
    if name == "StoreContract":
        from sojourn.testing.store_contract import StoreContract

        return StoreContract
    if name == "AppContract":
        from sojourn.testing.app_contract import AppContract

        return AppContract
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
