"""Writes docs/reference/settings.md from the code: what can be set, its default, and what it is for."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import re
import textwrap
from pathlib import Path

from msgspec import UNSET

from sojourn import Sessions
from sojourn.settings import Options
from sojourn.settings.environment import PREFIX
from sojourn.settings.model import KEYS, SECTIONS, default_of
from sojourn.settings.notation import toml
from sojourn.store import open_store
from sojourn.testing import Behaviour

__all__ = ["page"]

PAGE = Path(__file__).parent / "reference" / "settings.md"


def page() -> str:
    """The page."""
    parts = ["# Settings", "", "Made from the code by `scripts/reference`; every default has its reason beside it.", ""]
    parts += ["## Sessions", "", "```python", *_signature(), "```", "", *_described(Sessions.__init__), ""]
    parts += ["## Store addresses", "", "```text", *_block(inspect.getdoc(open_store) or ""), "```", ""]
    for kind in SECTIONS.values():
        parts += [f"## {kind.__name__}", "", *_plain(inspect.getdoc(kind) or ""), "", *_fields(kind), ""]
    parts += ["## In a file and in the environment", "", *_outside(), ""]
    parts += ["## A fake back end", "", *_behaviour(), ""]
    return "\n".join(parts).rstrip() + "\n"


def _signature() -> list[str]:
    given = inspect.signature(Sessions.__init__).parameters.values()
    lines = [f"    {each.name}={_quoted(each.default)}," for each in given if each.name != "self"]
    return ["from sojourn import Sessions", "", "Sessions(", *lines, ")"]


def _described(what: object) -> list[str]:
    """The bullets of a docstring."""
    text = inspect.getdoc(what) or ""
    return text[text.index("- ") : text.rindex("Raises ")].rstrip().splitlines()


def _plain(text: str) -> list[str]:
    """A docstring as it is on a page: its tables need a frame."""
    return ["```text", *text.splitlines(), "```"] if "\n===" in text else text.splitlines()


def _block(text: str) -> list[str]:
    """The table in a docstring, with its frame."""
    lines = text.splitlines()
    frame = [number for number, line in enumerate(lines) if line.startswith("===")]
    return [line for line in lines[frame[0] : frame[-1] + 1] if not line.startswith("===")]


def _fields(kind: type) -> list[str]:
    texts = _texts(kind)
    rows = [f"| `{field.name}` | `{_shown(field)}` | {texts[field.name]} |" for field in dataclasses.fields(kind)]
    return ["| setting | default | |", "|---|---|---|", *rows]


def _behaviour() -> list[str]:
    about = "`sojourn.testing.Behaviour`, to [test a client](../how-to/test-a-client.md) against."
    return [about, "", *_plain(inspect.getdoc(Behaviour) or ""), "", *_fields(Behaviour)]


def _outside() -> list[str]:
    rows = [f"| `{key.name}` | `{PREFIX}{key.variable}` | {_in_a_file(key.name)} |" for key in KEYS.values()]
    about = (inspect.getdoc(Options) or "").partition("\n\n")[2]
    return [
        "A key stands in `[sessions]` for all applications, and in `[applications.NAME]` for one; `cookie.name` is",
        "`name` in `[sessions.cookie]`. The variable of one is `SOJOURN_APPLICATIONS__NAME__COOKIE_NAME`. `false` is",
        "Python's `None`. [How to keep settings in a file](../how-to/settings.md) says which of them holds.",
        "",
        *about.splitlines(),
        "",
        "| key | variable | default |",
        "|---|---|---|",
        *rows,
    ]


def _in_a_file(name: str) -> str:
    default = default_of(name)
    return "unset" if default is UNSET else f"`{toml(default)}`"


def _shown(field: dataclasses.Field[object]) -> str:
    if field.default is dataclasses.MISSING:
        return "" if field.default_factory is dataclasses.MISSING else repr(field.default_factory())
    return _quoted(field.default)


def _quoted(value: object) -> str:
    """As it is written in code: strings in double quotes."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_quoted, value))}]"  # any sequence will do, and most write a list
    return f'"{value}"' if isinstance(value, str) else str(value)


def _texts(kind: type) -> dict[str, str]:
    """What stands below each field, on one line."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    found = {}
    for field, below in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            text = ast.literal_eval(below.value)
            found[field.target.id] = re.sub(r"\s+", " ", text).strip().replace("|", "\\|")
    return found


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
