"""The shape of the tree: sizes and names. Which way imports point is in pyproject.toml, under importlinter."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_FILE = {"src": 400, "tests": 600}
MOST_FILES = 12
LONGEST_FUNCTION = 40
EMPTY_WORDS = {"abstract", "base", "factory", "helper", "helpers", "impl", "manager", "util", "utils"}
DRAWERS = {"common", "misc", "types"}


def where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of what it does: parameters and a docstring are read as a list."""
    does = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return does[-1].end_lineno - does[0].lineno + 1 if does else 0  # type: ignore[operator]


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


@pytest.mark.parametrize("tree", ["src", "tests"])
def test_a_file_is_split_by_idea_before_it_is_too_long(tree: str) -> None:
    lengths = {where(path): len(path.read_text().splitlines()) for path in (ROOT / tree).rglob("*.py")}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FILE[tree]}


def test_a_folder_can_be_taken_in_at_a_glance() -> None:
    files = Counter(where(path.parent) for path in SOURCES + TESTS if path.name not in {"__init__.py", "conftest.py"})
    assert not {folder: number for folder, number in files.items() if number > MOST_FILES}


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=where)
def test_a_function_fits_a_screen(path: Path) -> None:
    lengths = {f"{where(path)}:{function.lineno} {function.name}": length(function) for function in functions(path)}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}


def test_a_module_is_named_after_its_idea() -> None:
    named = [where(path) for path in SOURCES if path.stem != "base" and words(path.stem) & (EMPTY_WORDS | DRAWERS)]
    assert not named


def test_a_class_is_named_after_its_idea() -> None:
    classes = [
        f"{where(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and words(node.name) & EMPTY_WORDS
    ]
    assert not classes
