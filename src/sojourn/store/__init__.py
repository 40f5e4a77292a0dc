"""Stores: where records rest."""

from sojourn.store.base import (
    Admits,
    Beat,
    Change,
    Ending,
    Gathers,
    Leases,
    Lists,
    Moves,
    Opens,
    Query,
    Recalls,
    Store,
    Sweeps,
    Tells,
    Traffic,
    Watches,
    power,
)
from sojourn.store.url import open_store

__all__ = [
    "Admits",
    "Beat",
    "Change",
    "Ending",
    "Gathers",
    "Leases",
    "Lists",
    "Moves",
    "Opens",
    "Query",
    "Recalls",
    "Store",
    "Sweeps",
    "Tells",
    "Traffic",
    "Watches",
    "open_store",
    "power",
]
