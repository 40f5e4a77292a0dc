"""SQLite stores on a fresh file, closed when the test is over."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
def make(path: Path, clock: FakeClock) -> Iterator[Callable[..., SqliteStore]]:
    """Makes stores on `path`, each as if in a process of its own."""
    made: list[SqliteStore] = []

    def make_one(kind: type[SqliteStore] = SqliteStore, at: Path = path, **options: Any) -> SqliteStore:
        made.append(kind(at, clock=clock, **options))
        return made[-1]

    yield make_one
    for each in made:
        asyncio.run(each.close())


@pytest.fixture
def store(make: Callable[..., SqliteStore]) -> SqliteStore:
    return make()


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """Another connection to the file, to hold it."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        yield connection


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", directory], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this container may not mount a small disk")
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)
