"""The `sojourn` command: says what is missing before anything of it is imported."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]

_NEEDED = ("click", "granian")


def main() -> None:
    """Run the command line and end the process with its exit status."""
    if not all(find_spec(name) for name in _NEEDED):
        sys.stderr.write("sojourn: the command line needs what is not installed: pip install 'sojourn[serve]'\n")
        sys.exit(2)
    from sojourn.cli.commands import sojourn  # here, because it imports click

    sojourn()
