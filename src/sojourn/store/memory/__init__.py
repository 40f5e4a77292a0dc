"""Memory: records of this process. They end with it."""

from sojourn.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
