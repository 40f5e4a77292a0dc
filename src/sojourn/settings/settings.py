"""Settings: what Python, the environment and a file say, and what comes of it for each application."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from msgspec import UNSET

from sojourn.inbound.sessions import Sessions
from sojourn.settings.application import ApplicationSettings
from sojourn.settings.environment import FILE, read_environment
from sojourn.settings.file import read_file
from sojourn.settings.model import SECTIONS, Given, Layer, Options, Source

__all__ = ["Settings", "outside"]

_NOTHING = Options()


class Settings:
    """The settings of all applications of a facility, and of each of them.

    Of two places that say the same of the same applications, Python comes before the environment, and that before the
    file. What is said of one application comes before what is said of all, wherever it is said.
    """

    def __init__(self, *sources: Source, environ: Mapping[str, str] | None = None) -> None:
        """`sources`: each above the one before it. `environ`: where they may say that keys are; None: the process's."""
        self._environ = os.environ if environ is None else environ
        self._facility: Layer = {}
        self._applications: dict[str, Layer] = {}
        for source in sources:
            self._facility = _over(self._facility, source.sessions)
            for app, layer in source.applications.items():
                self._applications[app] = _over(self._applications.get(app, {}), layer)

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        sessions: Options = _NOTHING,
        applications: Mapping[str, Options] | None = None,
    ) -> Self:
        """Those of a file, of the environment, and of Python.

        `path`: None takes the file that the variable `SOJOURN_SETTINGS` names, if it names one. `environ`: None takes
        that of the process. `sessions`: of all applications. `applications`: of each, by its name. Raises
        `SettingError` with the file and line, or the variable, of what is wrong.
        """
        own = {app: dict(_given(options)) for app, options in (applications or {}).items()}
        python = Source(dict(_given(sessions)), own)
        environ = os.environ if environ is None else environ
        return cls(*outside(path, environ, own), python, environ=environ)

    @property
    def applications(self) -> list[str]:
        """The names of those of which something is said."""
        return sorted(self._applications)

    def layer(self, app: str | None) -> Layer:
        """What is said of an application, and below it of all; None: of all alone."""
        if app is None:
            return dict(self._facility)
        # 0 is a duration of no session: it means what holds for all.
        own = {
            name: given
            for name, given in self._applications.get(app, {}).items()
            if not (name.startswith("lifetime.") and given.value is not None and not given.value)
        }
        return _over(self._facility, own)

    def of(self, app: str | None) -> ApplicationSettings:
        """The settings of an application; None: of one of which nothing is said.

        Raises `SettingError` with the place of what cannot be.
        """
        return ApplicationSettings.of(app or "default", self.layer(app), self._environ)

    def sessions(self, app: str = "default", **keywords: Any) -> Sessions:
        """The sessions of an application. `keywords`: of `Sessions`, above all that is set elsewhere.

        Raises `SettingError` with the place of what cannot be.
        """
        return self.of(app).sessions(**keywords)


def outside(path: str | Path | None, environ: Mapping[str, str], known: Iterable[str] = ()) -> tuple[Source, Source]:
    """What the file and the environment say, as `Settings.load` takes them. `known`: applications named elsewhere."""
    path = path or environ.get(FILE)
    file = read_file(Path(path)) if path else Source({}, {})
    return file, read_environment(environ, {*file.applications, *known})


def _over(below: Layer, above: Layer) -> Layer:
    """Both, the one above first; a section and what stands in its place, such as `near = false`, are not both kept."""
    replaced = {name for name in above if name in SECTIONS}
    reopened = {name.partition(".")[0] for name in above if "." in name}
    kept = {
        name: given for name, given in below.items() if name.partition(".")[0] not in replaced and name not in reopened
    }
    return {**kept, **above}


def _given(options: Options) -> Iterator[tuple[str, Given]]:
    """What Python says. A `Cookie` and its like is whole: what is not said in it has its default."""
    for name in Options.__struct_fields__:
        value = getattr(options, name)
        if value is UNSET:
            continue
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                yield f"{name}.{field.name}", Given(getattr(value, field.name), "Python")
        else:
            yield name, Given(value, "Python")
