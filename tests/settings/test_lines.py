"""The line of each key is that on which it stands, whatever stands around it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.settings.lines import Path, lines_of
from sojourn.settings.notation import name_in_toml, toml

LITERAL = "'''"


def paths(value: Any, before: Path = ()) -> Iterator[Path]:
    for each in value if isinstance(value, list) else ():
        yield from paths(each, before)
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield (*before, name)
        yield from paths(inner, (*before, name))


def test_keys_tables_and_what_is_in_them_have_the_line_where_they_begin() -> None:
    text = """
        a = 1
        [b]  # c = 2
        "d.e".f = 3
        [[g]]
        h = [
          1,  # i = 4
          {j = 5, k = [
            {l = 6}]},
        ]
        [[g]]
        h = 1979-05-27 07:32:00
    """
    found = lines_of(text)
    assert found == {
        ("a",): 2,
        ("b",): 3,
        ("b", "d.e"): 4,
        ("b", "d.e", "f"): 4,
        ("g",): 5,
        ("g", "h"): 6,
        ("g", "h", "j"): 8,
        ("g", "h", "k"): 8,
        ("g", "h", "k", "l"): 9,
    }
    assert set(paths(tomllib.loads(text))) == set(found)


@pytest.mark.parametrize(
    "value",
    [
        '"# [x]\\" = 1"',
        "'# [x] \\'",
        '"""\n# [x]\n\\""" = 1\n"""""',
        f"{LITERAL}\n[x]\n'' = 1\n{LITERAL}''",
        '""',
        "''",
        '""""""',
        f"{LITERAL}{LITERAL}",
        '[\n"]",\n"""\n]""",\n]',
        "{}",
        "[]",
        "-inf",
        "07:32:00.5",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_is_in_a_value_is_no_key(value: str, end: str) -> None:
    text = f"a = {value} # [y]\n[b]\nc = {value}\nd = 2".replace("\n", end)
    lines = value.count("\n")
    assert tomllib.loads(text)["b"]["d"] == 2
    assert lines_of(text) == {("a",): 1, ("b",): 2 + lines, ("b", "c"): 3 + lines, ("b", "d"): 4 + 2 * lines}


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text(st.characters(exclude_categories=["Cs"])), st.lists, max_leaves=5
)


@given(st.dictionaries(names, st.dictionaries(names, values, max_size=3), max_size=3), st.data())
def test_each_line_is_that_of_its_key_in_any_document(document: dict[str, dict[str, Any]], data: st.DataObject) -> None:
    lines: list[str] = []
    expected: dict[Path, int] = {}
    for table, inner in document.items():
        lines += [data.draw(st.sampled_from(["", "# [c]", "\t"]))] * data.draw(st.integers(0, 2))
        lines.append(f"[ {name_in_toml(table)} ]")
        expected[table,] = len(lines)
        for name, value in inner.items():
            lines.append(f"{name_in_toml(name)} = {toml(value)}")
            expected[table, name] = len(lines)
    text = "\n".join(lines)
    assert tomllib.loads(text) == document
    assert lines_of(text) == expected
