"""Writes docs/reference/settings.md from the code: what can be set, its default, and what it is for."""

from __future__ import annotations

import inspect
from pathlib import Path

from docs.reading import fields, signature
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
    parts += ["## Sessions", "", "```python", "from sojourn import Sessions", "", "Sessions("]
    parts += [*(f"    {each}," for each in signature(Sessions)), ")", "```", "", *_described(Sessions.__init__), ""]
    parts += ["## Store addresses", "", "```text", *_block(inspect.getdoc(open_store) or ""), "```", ""]
    for kind in SECTIONS.values():
        parts += [f"## {kind.__name__}", "", *_plain(inspect.getdoc(kind) or ""), "", *fields(kind), ""]
    parts += ["## In a file and in the environment", "", *_outside(), ""]
    parts += ["## A fake back end", "", *_behaviour(), ""]
    return "\n".join(parts).rstrip() + "\n"


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


def _behaviour() -> list[str]:
    about = "`sojourn.testing.Behaviour`, to [test a client](../how-to/test-a-client.md) against."
    return [about, "", *_plain(inspect.getdoc(Behaviour) or ""), "", *fields(Behaviour)]


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


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
