"""`settings show` and `settings import`, and their options."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sojourn.cli.mistake import Mistake
from sojourn.cli.settings.importing import import_properties
from sojourn.cli.settings.show import show

__all__ = ["settings"]


@click.group("settings")
def settings() -> None:
    """Settings: what is set and where, and what other systems had."""


def _told(command: Callable[..., None]) -> Callable[..., None]:
    """Tell what the user got wrong in one line."""

    @functools.wraps(command)
    def run(**options: Any) -> None:
        try:
            command(**options)
        except Mistake as mistake:
            raise click.UsageError(str(mistake)) from None

    return run


@settings.command("show")
@click.option("--settings", "path", metavar="FILE", help="A sojourn.toml.", show_default="none")
@click.option("--app", help="What holds for this application alone.", show_default="all")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@_told
def _show(**options: Any) -> None:
    """Show what holds, and where it was set. Passwords and keys are left out."""
    sys.exit(show(**options))


@settings.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--store", help="The address that takes the place of the platform's database.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write, which must not be there.",
    show_default="stdout",
)
@_told
def _import(**options: Any) -> None:
    """Write the spring.session.* and session.serialization.* properties of SAP Commerce as a sojourn.toml.

    What each of them became is told on stderr.
    """
    sys.exit(import_properties(**options))
