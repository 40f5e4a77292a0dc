"""The same steps on the store in memory and on another: every answer and every error must be the same."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from tests.fixtures.two_stores import agree

from sojourn.store.memory import MemoryStore
from sojourn.store.sqlite import SqliteStore

pytestmark = [pytest.mark.long, pytest.mark.unmeasured]


def test_sqlite_does_as_memory_does(tmp_path: Path) -> None:
    names = itertools.count()
    agree(lambda clock: SqliteStore(tmp_path / f"{next(names)}.db", clock=clock))


def test_memory_that_is_full_does_as_memory_with_room() -> None:
    agree(lambda clock: MemoryStore(entries=2, clock=clock))
