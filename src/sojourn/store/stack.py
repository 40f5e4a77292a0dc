"""Stack: the stores around a store, in the order in which they work."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Any, cast

from sojourn.core.lifetime import Clock
from sojourn.errors import StoreDamaged, StoreTooNew, StoreUnavailable
from sojourn.store.base import Opens, Store, Tells, power

__all__ = ["clock_of", "innermost", "is_remote", "open_patiently"]

PAUSES = (0.2, 5.0)  # seconds between two attempts to open a store, from the first to the longest
SAYS = 30.0  # seconds between two lines in the log that say so

_log = logging.getLogger(__name__)


def innermost(store: Store) -> Store:
    """The store in the middle, that keeps the records."""
    while (inner := getattr(store, "inner", None)) is not None:
        store = inner
    return store


def clock_of(store: Store) -> Clock:
    """The clock that all nodes share, or this machine's when the store has none."""
    # Asked with each request: so it is that of the store in the middle, and not handed through those around it.
    return cast("Any", innermost(store)).now if power(store, Tells) is not None else time.time


def is_remote(store: Store) -> bool:
    """Whether each answer costs a round trip, and the store may be away while this machine is well."""
    return bool(getattr(innermost(store), "remote", False))


async def open_patiently(store: Opens, *, patience: float) -> None:
    """Open it, with further attempts for `patience` seconds while it is away. Raises `StoreUnavailable`."""
    time_of = asyncio.get_running_loop().time
    deadline, said, (pause, longest) = time_of() + patience, -SAYS, PAUSES
    while True:
        try:
            await store.open()
        except (StoreDamaged, StoreTooNew):  # that does not pass
            raise
        except StoreUnavailable as error:
            if time_of() + pause > deadline:
                raise
            if time_of() >= said + SAYS:
                said = time_of()
                _log.warning("waiting for the store: %s", error)
        else:
            return
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
        pause = min(pause * 2, longest)
