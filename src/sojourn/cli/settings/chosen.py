"""Which settings a command follows: those of its options, of the environment and of a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from sojourn.cli.mistake import Mistake
from sojourn.core.cookies import Cookie
from sojourn.errors import SettingError
from sojourn.settings import ApplicationSettings, Settings
from sojourn.settings.model import Given, Layer, Source
from sojourn.settings.settings import outside

__all__ = ["DEFAULT_STORE", "chosen"]

DEFAULT_STORE = "sqlite:///sessions.db"

_KEYS = {"idle": "lifetime.idle", "absolute": "lifetime.absolute", "limit": "limit.per_principal"}
_DEFAULTS: Layer = {"store": Given(DEFAULT_STORE, "")}
_DEVELOPMENT: Layer = {f"cookie.{name}": Given(getattr(Cookie.development(), name), "") for name in ("name", "secure")}


def chosen(
    path: str | None, app: str | None, options: Mapping[str, Any], *, plain_http: bool = False
) -> ApplicationSettings:
    """The settings of an application, options before all else. Raises `Mistake`.

    `path`: of the file, None for the one that the environment names. `app`: None for the only one that is named there,
    or that of all who name none. `options`: as the user gave them; None for those that were not. `plain_http`: the
    cookie has to work without TLS, where nothing is said that speaks against it.
    """
    given = {
        _KEYS.get(name, name): Given(value, f"--{name.replace('_', '-')}")
        for name, value in options.items()
        if value is not None and value != ()
    }
    if "near" in given:
        given["near"] = Given("remote", "--near") if given["near"].value else Given(None, "--no-near")
    problem = ""
    for below in (_DEFAULTS | _DEVELOPMENT, _DEFAULTS) if plain_http else (_DEFAULTS,):
        try:
            said = outside(path, os.environ)
            name = app or _only(Settings(*said).applications)
            return Settings(Source(below, {}), *said, Source({}, {name: given})).of(name)
        except SettingError as error:
            problem = str(error)
    raise Mistake(problem)


def _only(applications: list[str]) -> str:
    if len(applications) > 1:
        raise Mistake(f"which application? give --app {' or --app '.join(applications)}")
    return applications[0] if applications else "default"
