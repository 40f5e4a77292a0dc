"""Opening: the store of a fleet, and what it takes to keep credentials there."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import SettingError
from sojourn.outbound.fleet.fleet import Fleet
from sojourn.outbound.jar import Jar
from sojourn.outbound.telling import Telling
from sojourn.store.base import Store
from sojourn.store.memory import MemoryStore
from sojourn.store.stack import Outer, clock_of, innermost, stacked
from sojourn.store.url import open_store

__all__ = ["joined"]

SHORTEST = 16  # bytes of a key that cannot be guessed


def joined(
    store: str | Store,
    seal: Sequence[bytes] | None,
    key: bytes | None,
    *,
    url: str,
    jar: Jar,
    clock: Clock,
    idle: float,
    telling: Telling,
) -> Fleet:
    """The fleet of all nodes with that store, that key and that back end. Raises `SettingError`."""
    if key is None or len(key) < SHORTEST:
        raise SettingError(
            f"Backend(store=…) needs key=…: {SHORTEST} secret bytes or more, the same on each node, by which sessions "
            "are found and nobody can guess whose they are"
        )
    inner = open_store(store) if isinstance(store, str) else store
    if not isinstance(inner, Store) or isinstance(inner, type):
        raise SettingError(
            f"Backend(store=…): give an address such as valkey://host/0, or a Store, not a {type(store).__name__}"
        )
    if seal is None and not isinstance(innermost(inner), MemoryStore):
        raise SettingError(
            "Backend(store=…) needs seal=…: cookies and tokens are credentials, and whoever reads the store could use "
            "them; give a ring of keys, as key_ring(text) reads it, the same on each node"
        )
    now = clock_of(inner)
    outer = Outer(node=f"{platform.node()}:{os.getpid()}", near=None, behind=None, seal=seal, outage="fail")
    return Fleet(
        stacked(inner, outer, now, dropped=_unheard, unreadable=_unheard),
        key,
        url=url,
        node=outer.node,
        jar=jar,
        clock=clock,
        shared_clock=now,
        idle=idle,
        telling=telling,
        owns=isinstance(store, str),
    )


def _unheard(record: Record, reason: str = "") -> None:
    """The store has said so in the log, and the session counts as absent."""
