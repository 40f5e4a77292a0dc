"""Doubt: a store was asked to write and its answer was lost, so it is found out what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sojourn.chance import chance
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached, OutcomeUnknown, StoreUnavailable
from sojourn.store.base import Store

__all__ = ["ask_again", "save_again"]

A = TypeVar("A")

# Seconds before each further question, give or take a half: about two in all. What takes longer is an outage, and a
# visitor who is told so can try again.
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
PATIENCE = 3.0  # seconds after which none is asked any more: a store that hangs takes its time with each


async def ask_again(ask: Callable[[], Awaitable[A]], unknown: OutcomeUnknown) -> A:
    """The answer, as soon as the store gives one; raises `unknown` when it gives none in time."""
    time_of = asyncio.get_running_loop().time
    deadline = time_of() + PATIENCE
    for pause in PAUSES:
        if time_of() > deadline:
            break
        await asyncio.sleep(pause * chance.uniform(0.5, 1.5))
        try:
            return await ask()
        except StoreUnavailable:
            continue
    raise unknown


async def save_again(
    store: Store, save: Callable[[], Awaitable[None]], record: Record, over: Record | None, unknown: OutcomeUnknown
) -> Record | None:
    """Make sure that `record` was saved over `over`, by `save`; or return what is stored instead.

    Since a save names what it replaces, it can be asked for again: it happens once at most, whenever the first one
    arrives. Raises what `save` raises, when that is certain: `Conflict`, `Gone`, `LimitReached`; or `unknown`.
    """

    async def settle() -> Record | None:
        try:
            await save()
        except (Conflict, Gone, LimitReached) as refusal:
            stored = await store.load(record.key, record.app)
            if _holds(stored, record, over):
                return None
            if isinstance(refusal, Conflict) and stored is not None and over is not None and over.ref == stored.ref:
                return stored
            raise
        return None

    return await ask_again(settle, unknown)


def _holds(stored: Record | None, record: Record, over: Record | None) -> bool:
    """Whether `stored` shows that `record` was saved."""
    if stored is None or stored.ref != record.ref:
        return False
    if over is None or over.key != record.key:
        return True  # nobody else could have brought it to this key
    return _content(stored) == _content(record)


def _content(record: Record) -> tuple[object, ...]:
    """All that a save writes, and no touch changes."""
    return record.version, record.node, record.principal, record.epoch, record.data
