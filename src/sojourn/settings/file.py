"""File: what a `sojourn.toml` says, with the line of each key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from sojourn.core.record import is_text
from sojourn.errors import SettingError
from sojourn.settings.lines import lines_of
from sojourn.settings.model import KEYS, SECTIONS, Given, Layer, Options, Source
from sojourn.settings.reading import nearest, read

__all__ = ["read_file"]

_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


def read_file(path: Path) -> Source:
    """What the file says. Raises `SettingError` with the file and the line of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingError(f"{path}:{line}: is no UTF-8, as TOML is; save it so") from None
    text = text.removeprefix("\ufeff")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        line = int(found["line"]) if found and found["line"] else len(text.splitlines()) or 1
        raise SettingError(f"{path}:{line}: is no TOML: {_PLACE.sub('', str(error))}") from None
    return _Document(path, text).source(document)


class _Document:
    """A document whose keys are looked at one by one."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = lines_of(text)

    def source(self, document: dict[str, Any]) -> Source:
        for name in document:
            if name not in ("sessions", "applications"):
                self._refuse((name,), f"unknown section {name!r}; there are [sessions] and [applications.NAME]")
        applications = self._table(document.get("applications", {}), "applications")
        for app in applications:
            if not app or not is_text(app):
                self._refuse(("applications", app), "give the application a name, without NUL")
        return Source(
            dict(self._options(document.get("sessions", {}), "sessions")),
            {app: dict(self._options(table, "applications", app)) for app, table in applications.items()},
        )

    def _options(self, table: object, *where: str) -> Iterator[tuple[str, Given]]:
        for name, value in self._table(table, *where).items():
            path = (*where, name)
            if name not in Options.__struct_fields__:
                known = [each for each in Options.__struct_fields__ if each not in SECTIONS or isinstance(value, dict)]
                self._refuse(path, f"unknown key {name!r} in [{'.'.join(where)}]; {nearest(name, known)}")
            if name in SECTIONS and (isinstance(value, dict) or name not in KEYS):
                yield from self._section(value, *path).items()
            else:
                yield name, self._given(name, value, path)

    def _section(self, table: object, *where: str) -> Layer:
        section, found = where[-1], {}
        for name, value in self._table(table, *where).items():
            if f"{section}.{name}" not in KEYS:
                known = [each.partition(".")[2] for each in KEYS if each.startswith(f"{section}.")]
                self._refuse((*where, name), f"unknown key {name!r} in [{'.'.join(where)}]; {nearest(name, known)}")
            found[f"{section}.{name}"] = self._given(f"{section}.{name}", value, (*where, name))
        return found

    def _given(self, name: str, value: object, path: tuple[str, ...]) -> Given:
        try:
            return Given(read(KEYS[name], value, as_text=False), self._place(path))
        except ValueError as error:
            self._refuse(path, f"{name}: {error}")

    def _table(self, value: object, *where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._refuse(where, f"{where[-1]}: expected a section, [{'.'.join(where)}]")
        return value

    def _place(self, path: tuple[str, ...]) -> str:
        return f"{self._path}:{self._lines[path]}"

    def _refuse(self, path: tuple[str, ...], problem: str) -> NoReturn:
        raise SettingError(f"{self._place(path)}: {problem}")
