"""Valkey and Redis: records on a server, or a cluster, for a whole fleet."""

from sojourn.store.valkey.store import ValkeyStore

__all__ = ["ValkeyStore"]
