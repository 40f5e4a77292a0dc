"""What the code says of itself: its signatures, its docstrings, and the text below each field."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

__all__ = ["arguments", "called", "fields", "options", "paragraphs", "signature", "texts"]

_NONE = (dataclasses.MISSING, msgspec.NODEFAULT, inspect.Parameter.empty)


def signature(what: Callable[..., Any]) -> list[str]:
    """The names and defaults of what it is called with, as they are written in code."""
    return [_parameter(each) for each in _parameters(what)]


def called(what: Callable[..., Any]) -> str:
    """The same on one line, with a star before those that are given by name."""
    given = _parameters(what)
    first = next((each for each in given if each.kind is inspect.Parameter.KEYWORD_ONLY), None)
    return ", ".join(("*, " if each is first else "") + _parameter(each) for each in given)


def paragraphs(what: object) -> list[str]:
    """The docstring, each paragraph on a line, with an empty line between two."""
    told = (inspect.getdoc(what) or "").partition("\nArgs:")[0]
    lines = [_joined(each) for each in told.split("\n\n") if each.strip()]
    return [line for each in lines for line in (each, "")][:-1]


def options(what: Callable[..., Any]) -> list[str]:
    """A bullet for each parameter that a docstring tells of in a row, as in "`url`: where it is. `auth`: …"."""
    told = _joined(inspect.getdoc(what) or "").partition(" Raises ")[0]
    names = "|".join(inspect.signature(what).parameters)
    return [f"- {each.strip()}" for each in re.split(rf"(?=`(?:{names})`(?:, `\w+`)*: )", told)[1:]]


def arguments(what: Callable[..., Any]) -> list[str]:
    """A bullet for each parameter that is described below `Args:`."""
    block = (inspect.getdoc(what) or "").partition("Args:\n")[2].partition("\n\n")[0]
    told = re.split(r"^(\w+): ", textwrap.dedent(block), flags=re.MULTILINE)[1:]
    return [f"- `{name}`: {_joined(text)}" for name, text in zip(told[::2], told[1::2], strict=True)]


def fields(kind: Any) -> list[str]:
    """A table of what can be set, of a dataclass or a struct."""
    about = texts(kind)
    rows = [f"| `{name}` | {default} | {about.get(name, '')} |" for name, default in _defaults(kind).items()]
    return ["| setting | default | |", "|---|---|---|", *rows]


def texts(kind: type) -> dict[str, str]:
    """What stands below each field, on one line."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    found = {}
    for field, below in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            found[field.target.id] = _joined(ast.literal_eval(below.value)).replace("|", "\\|")
    return found


def _quoted(value: object) -> str:
    """As it is written in code: strings in double quotes."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_quoted, value))}]"  # any sequence will do, and most write a list
    if isinstance(value, msgspec.Struct) and value == type(value)():
        return f"{type(value).__name__}()"
    if inspect.isbuiltin(value):
        return f"{value.__module__}.{value.__name__}"
    if isinstance(value, str):
        return f'r"{value}"' if "\\" in value else f'"{value}"'
    return str(value)


def _parameters(what: Callable[..., Any]) -> list[inspect.Parameter]:
    return [each for each in inspect.signature(what).parameters.values() if each.name != "self"]


def _parameter(given: inspect.Parameter) -> str:
    marks: dict[object, str] = {inspect.Parameter.VAR_KEYWORD: "**", inspect.Parameter.VAR_POSITIONAL: "*"}
    known = given.default not in _NONE and repr(given.default) != "<factory>"
    return marks.get(given.kind, "") + given.name + (f"={_quoted(given.default)}" if known else "")


def _defaults(kind: Any) -> Mapping[str, str]:
    found: list[Any] = [
        *(msgspec.structs.fields(kind) if issubclass(kind, msgspec.Struct) else dataclasses.fields(kind))
    ]
    return {each.name: _shown(each) for each in found if not each.name.startswith("_")}


def _shown(field: Any) -> str:
    if field.default not in _NONE:
        return f"`{_quoted(field.default)}`"
    return "" if field.default_factory in _NONE else f"`{field.default_factory()!r}`"


def _joined(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
