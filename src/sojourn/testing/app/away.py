"""Away: a store that is out of reach when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.errors import StoreUnavailable
from sojourn.store.around import Around

__all__ = ["MESSAGE", "AwayStore"]

MESSAGE = "the store at 192.0.2.1 is out of reach"


class AwayStore(Around):
    """Hands on what is asked of it, unless that is out of reach."""

    _away: frozenset[str] = frozenset()

    @contextmanager
    def away(self, *questions: str) -> Iterator[None]:
        """Let it be out of reach for these questions, within the block."""
        self._away = frozenset(questions)
        try:
            yield
        finally:
            self._away = frozenset()

    async def load(self, key: str, app: str) -> Record | None:
        self._ask("load")
        return await super().load(key, app)

    async def save(self, record: Record, *, over: Record | None) -> None:
        self._ask("save")
        await super().save(record, over=over)

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        self._ask("end")
        return await super().end(key, app, reason=reason, lease=lease)

    async def admit(self, record: Record, **given: Any) -> list[Record]:
        self._ask("save")
        return await super().admit(record, **given)

    def _ask(self, question: str) -> None:
        if question in self._away:
            raise StoreUnavailable(MESSAGE)
