"""`settings show`: what holds, and where it was set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import click
import msgspec
from msgspec import UNSET

from sojourn.cli.mistake import Mistake
from sojourn.cli.report import masked
from sojourn.errors import SettingError
from sojourn.settings import Settings
from sojourn.settings.model import KEYS, SECTIONS, Layer, default_of
from sojourn.settings.notation import name_in_toml, toml
from sojourn.settings.reading import BY_REFERENCE

__all__ = ["show"]


class _Row(NamedTuple):
    key: str
    value: str
    origin: str


def show(path: str | None, *, app: str | None, as_json: bool) -> int:
    """Print what holds for all applications, and where others differ from that; or all that holds for one."""
    try:
        settings = Settings.load(path)
        names = [app] if app is not None else [None, *settings.applications]
        shown = {name: list(_rows(settings, name)) for name in names}
    except SettingError as error:
        raise Mistake(str(error)) from None
    general = shown.get(None, [])
    for name, rows in shown.items():
        if as_json:
            for row in rows:
                click.echo(msgspec.json.encode({"app": name, **row._asdict()}).decode())
        else:
            _print(name, [row for row in rows if name is None or row not in general])
    return 0


def _rows(settings: Settings, app: str | None) -> Iterator[_Row]:
    layer = settings.layer(app)
    found = settings.of(app)  # says what cannot be
    for key in KEYS:
        if key in SECTIONS:
            if not any(each.startswith(f"{key}.") for each in layer):
                yield _row(layer, key)
        elif _is_open(layer, key.partition(".")[0]):
            yield _row(layer, key)
    if app is not None and found.stays_in_memory:
        yield _Row("(kept in)", toml(found.store), f"failover, {layer['failover'].origin}, and save")


def _is_open(layer: Layer, section: str) -> bool:
    """Whether the keys of a section hold: unless it can be closed, and nothing opens it."""
    return section not in SECTIONS or section not in KEYS or any(each.startswith(f"{section}.") for each in layer)


def _row(layer: Layer, key: str) -> _Row:
    given = layer.get(key)
    value = default_of(key) if given is None else given.value
    return _Row(key, _shown(key, value), "default" if given is None else given.origin)


def _shown(key: str, value: Any) -> str:
    """A value as a file has it, without its secrets."""
    if value is UNSET:
        return "unset"
    if key == "store":
        return toml(masked(value))
    if key == "seal" and value is not None and not str(value).startswith(BY_REFERENCE):
        return "***"
    return toml(value)


def _print(app: str | None, rows: list[_Row]) -> None:
    click.echo(f"[applications.{name_in_toml(app)}]" if app is not None else "[sessions]")
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for row in rows:
        click.echo(f"{row.key:<{widths[0]}}  {row.value:<{widths[1]}}  {row.origin}")
    click.echo()
