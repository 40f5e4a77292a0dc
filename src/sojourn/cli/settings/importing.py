"""`settings import`: from a file of properties to a sojourn.toml."""

from __future__ import annotations

from pathlib import Path

import click

from sojourn.cli.mistake import Mistake
from sojourn.cli.report import masked
from sojourn.errors import SettingError
from sojourn.settings.properties import read_properties
from sojourn.settings.spring import imported
from sojourn.settings.writing import written

__all__ = ["import_properties"]


def import_properties(file: Path, *, store: str | None, output: Path | None) -> int:
    """Write what properties mean, and tell what became of each; return the exit status."""
    try:
        found = imported(read_properties(file.read_bytes(), str(file)), store=store)
    except OSError as error:
        raise Mistake(f"{file}: cannot be read: {error.strerror}") from None
    except SettingError as error:
        raise Mistake(str(error)) from None
    text = written(found.source)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
    for note in found.notes:
        click.echo(note, err=True)
    if store is not None and masked(store) != store:
        click.echo("the address has a password, which is in the file now; SOJOURN_STORE is a better place", err=True)
    return 0


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Mistake(f"{output} is there already; remove it, or give --output another name") from None
    except OSError as error:
        raise Mistake(f"{output}: cannot be written: {error.strerror}") from None
