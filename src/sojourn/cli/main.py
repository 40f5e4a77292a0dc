"""The `sojourn` command: says what is missing before anything of it is imported."""

from __future__ import annotations

import signal
import sys
from importlib.util import find_spec
from typing import NoReturn

__all__ = ["main"]

_NEEDED = ("click", "granian")


def main() -> None:
    """Run the command line and end the process with its exit status: 2 for a mistake of the user, told in one line."""
    if not all(find_spec(name) for name in _NEEDED):
        _refuse("the command line needs what is not installed: pip install 'sojourn[serve]'")
    import click  # here, because it may be missing

    from sojourn.cli.commands import sojourn

    try:
        status = sojourn(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as nothing:
        nothing.show()
        status = nothing.exit_code
    except click.ClickException as mistake:
        _refuse(mistake.format_message())
    except click.exceptions.Abort:  # Ctrl-C
        status = 128 + signal.SIGINT
    sys.exit(status or 0)


def _refuse(problem: str) -> NoReturn:
    sys.stderr.write(f"sojourn: {problem}\n")
    sys.exit(2)
