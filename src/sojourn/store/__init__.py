"""Stores: where records rest."""

from sojourn.store.base import Change, Lists, Moves, Opens, Query, Store, Sweeps, Watches
from sojourn.store.url import open_store

__all__ = ["Change", "Lists", "Moves", "Opens", "Query", "Store", "Sweeps", "Watches", "open_store"]
