"""The visit: what the shop remembers about who answered, in the same session as the cart."""

from __future__ import annotations

import msgspec

__all__ = ["Visit"]


class Visit(msgspec.Struct):
    """Which workers answered this visitor: `session.view(Visit)`."""

    requests: int = 0
    worker: int = 0
    """Who answered the last page; 0 before the first one."""
    killed: int = 0
    """Whom the visitor killed with the last page; 0 for nobody."""

    def answered_by(self, worker: int) -> Answered:
        """Take note of who answers a page, and tell what is new about that."""
        answered = Answered(worker=worker, before=self.worker, gone=self.killed if self.killed != worker else 0)
        self.worker = worker
        self.killed = 0
        return answered


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers this page, who answered the one before, and who is gone since; 0 for nobody."""

    worker: int
    before: int
    gone: int
