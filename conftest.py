"""Runs the Python blocks of README.md and docs/ as tests: each page from top to bottom, in a directory of its own."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sybil import Sybil
from sybil.integration.pytest import SybilItem
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

if TYPE_CHECKING:
    import pytest


def enter(namespace: dict[str, Any]) -> None:
    """Start a page."""
    namespace["__name__"] = "sojourn"  # a module that exists: annotations of examples are looked up in it
    namespace["_page"] = (TemporaryDirectory(prefix="sojourn-docs-"), Path.cwd())
    os.chdir(namespace["_page"][0].name)


def leave(namespace: dict[str, Any]) -> None:
    """End a page."""
    directory, back = namespace["_page"]
    os.chdir(back)
    directory.cleanup()


def place(item: pytest.Item) -> tuple[str, int]:
    """Sort key: the blocks of a page, in their order; then everything else, as it was."""
    return (str(item.path), item.example.start) if isinstance(item, SybilItem) else ("~", 0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=place)  # random order is for tests; a page is read from its top


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    setup=enter,
    teardown=leave,
).pytest()
