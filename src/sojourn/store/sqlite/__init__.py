"""SQLite: records in one file, for all processes of one machine."""

from sojourn.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
