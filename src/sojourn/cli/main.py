"""The `sojourn` command: says what is missing before anything of it is imported."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]

_NEEDED = ("click", "granian")


def main() -> None:
    """Run the command line and end the process with its exit status."""
    if not all(find_spec(name) for name in _NEEDED):
        print("sojourn: the command line needs what is not installed: pip install 'sojourn[serve]'", file=sys.stderr)
        sys.exit(2)
    from sojourn.cli.commands import sojourn  # noqa: PLC0415 - it imports click, which may be missing until here

    sojourn()
