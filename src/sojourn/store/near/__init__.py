"""Near cache: copies in the memory of a node, which serve those who can tell the version that they saw last."""

from sojourn.store.near.counts import Counts
from sojourn.store.near.settings import Near
from sojourn.store.near.store import NearStore

__all__ = ["Counts", "Near", "NearStore"]
