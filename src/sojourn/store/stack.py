"""Stack: the stores around a store, in the order in which they work."""

from __future__ import annotations

import time
from typing import Any, cast

from sojourn.core.lifetime import Clock
from sojourn.store.base import Store, Tells, power

__all__ = ["clock_of", "innermost"]


def innermost(store: Store) -> Store:
    """The store in the middle, that keeps the records."""
    while (inner := getattr(store, "inner", None)) is not None:
        store = inner
    return store


def clock_of(store: Store) -> Clock:
    """The clock that all nodes share, or this machine's when the store has none."""
    # Asked with each request: so it is that of the store in the middle, and not handed through those around it.
    return cast("Any", innermost(store)).now if power(store, Tells) is not None else time.time
