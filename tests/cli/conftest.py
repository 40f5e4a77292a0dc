"""Starts `sojourn serve` for a test, and ends it after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cli.served import HERE, Serve, Served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Serve]:
    running: list[Served] = []

    def start(*arguments: str, cwd: Path = HERE) -> Served:
        running.append(Served(tmp_path, *arguments, cwd=cwd))
        return running[-1].up()

    yield start
    for each in running:
        each.close()


@pytest.fixture
def serve(command: Serve, tmp_path: Path) -> Serve:
    def start(target: str, *options: str, cwd: Path = HERE) -> Served:
        return command("serve", target, "--store", f"sqlite:///{tmp_path}/sessions.db", *options, cwd=cwd)

    return start
