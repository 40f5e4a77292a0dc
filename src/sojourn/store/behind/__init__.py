"""Behind: changes are queued before the response leaves, and saved a moment later."""

from sojourn.store.behind.settings import Behind
from sojourn.store.behind.store import BehindStore

__all__ = ["Behind", "BehindStore"]
