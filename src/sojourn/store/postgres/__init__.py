"""PostgreSQL: records in one schema of a database, for all nodes."""

from sojourn.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
