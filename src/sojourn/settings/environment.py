"""Environment: what variables say.

`SOJOURN_COOKIE_NAME` is for all applications, `SOJOURN_APPLICATIONS__SHOP__COOKIE_NAME` for the one called shop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from sojourn.errors import SettingError
from sojourn.settings.model import KEYS, Given, Layer, Source
from sojourn.settings.reading import read

__all__ = ["FILE", "PREFIX", "read_environment"]

PREFIX = "SOJOURN_"
FILE = f"{PREFIX}SETTINGS"
"""The variable that names the file of settings."""

_APPLICATIONS = "APPLICATIONS__"
_OTHERS = re.compile(
    r"SOJOURN_(?:SETTINGS|DEMO|(?:TEST|BENCH|FAULTS|OUTBOUND)_\w+"
    # Kubernetes tells each pod of the services beside it, and one may be called sojourn, or sojourn-shop.
    r"|(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_\w+)?))"
)

_KEYS = {key.variable: key for key in KEYS.values()}


def read_environment(environ: Mapping[str, str], applications: Iterable[str]) -> Source:
    """What the variables say. Raises `SettingError` with the name of the one that is wrong.

    `applications`: those that are known. The name of one stands in a variable in capitals, with `_` for all that is
    neither letter nor digit; one that is not known is taken in small letters.
    """
    found = Source({}, {})
    names = _Names(applications)
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or _OTHERS.fullmatch(variable):
            continue
        name = variable.removeprefix(PREFIX)
        layer = found.sessions
        if name.startswith(_APPLICATIONS):
            spelled, _, name = name.removeprefix(_APPLICATIONS).partition("__")
            layer = found.applications.setdefault(names.meant(spelled, variable), {})
        _put(layer, name, variable, environ[variable])
    return found


class _Names:
    """The names of applications, as variables spell them."""

    def __init__(self, applications: Iterable[str]) -> None:
        self._known: dict[str, list[str]] = {}
        for app in applications:
            self._known.setdefault(re.sub(r"[^A-Z0-9]", "_", app.upper()), []).append(app)

    def meant(self, spelled: str, variable: str) -> str:
        known = self._known.get(spelled, [spelled.lower()])
        if len(known) > 1 or not spelled:
            told = f"may mean {' or '.join(map(repr, sorted(known)))}" if spelled else "names no application"
            raise SettingError(f"{variable} {told}; say it in the file")
        return known[0]


def _put(layer: Layer, name: str, variable: str, text: str) -> None:
    if name not in _KEYS:
        raise SettingError(f"{variable} is no setting; {_advice(name, variable.removesuffix(name))}")
    key = _KEYS[name]
    section, _, inner = key.name.partition(".")
    for other, given in layer.items():
        if section == other.partition(".")[0] and bool(inner) != ("." in other):
            raise SettingError(f"{variable} and {given.origin} contradict each other; take one of them away")
    try:
        layer[key.name] = Given(read(key, text, as_text=True), variable)
    except ValueError as error:
        raise SettingError(f"{variable}: {error}") from None


def _advice(name: str, before: str) -> str:
    found = get_close_matches(name, _KEYS, 1) or [each for each in _KEYS if each.endswith(f"_{name}")]
    return f"did you mean {before}{found[0]}?" if found else f"name one, as {before}COOKIE_NAME does"
